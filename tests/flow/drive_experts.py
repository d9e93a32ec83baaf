"""The example with a mixture of LoRA experts, by hand: choose it, watch who does the work, colour answers, export.

python -m tests.flow.drive_experts REPORT.json [PICTURES]
"""

from PySide6.QtWidgets import QPushButton

from tests.flow.drive import Flow, begin


class ExpertsFlow(Flow):
    """The steps in their order; what the pages show of experts is looked at on the way."""

    def run(self) -> None:
        """All of it."""
        self.welcome()
        self.choose_experts()
        self.train()
        self.compare()
        self.colour()
        self.export()
        self.runs()
        self.report["stalls"] = self.hands.stalls.words()

    def choose_experts(self) -> None:
        self.hands.go("method")
        card = self.window.pages["method"].experts
        self.hands.press(card.group.choice("lora-experts"), "choosing small experts")
        job = self.state.draft.job
        assert (job.moe.kind, job.moe.settings.experts, job.moe.settings.top_k) == ("lora-experts", 4, 2)
        self.hands.rest(0.5)
        self.hands.picture("method-experts")
        self.hands.go("train")

    def train(self) -> None:
        super().train()
        self.report["steps_told"] = [told.step for told in self.state.run.routing]
        self.report["layers"] = len(self.state.run.routing[-1].shares)

    def look_at_the_end(self) -> None:
        panel = self.window.pages["train"].live.experts
        assert panel.heat_map.isVisible()
        over_time = panel.view.findChildren(QPushButton)[1]
        self.hands.press(over_time, "looking at the shares over time")
        self.hands.rest(0.3)
        self.hands.picture("train-experts-over-time")

    def colour(self) -> None:
        page = self.window.pages["compare"]
        base, tuned = page.columns
        assert not base.experts.isVisible()
        self.hands.press(tuned.experts.switch, "colouring the answer")
        self.hands.rest(0.3)
        self.hands.picture("compare-experts")
        text = tuned.view.text()
        self.report["coloured"] = "".join(text[start:end] for start, end, _ in tuned.view.grounds())

    def export(self) -> None:
        self.hands.go("export")
        outcome = self.window.pages["export"].receipt.outcome
        assert outcome.isVisible()
        self.report["architecture"] = outcome.architecture.text()
        super().export()


if __name__ == "__main__":
    begin(ExpertsFlow)
