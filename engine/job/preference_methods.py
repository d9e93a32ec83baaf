"""The cards of the methods that learn from two answers. Their settings are in preference_settings.py."""

from engine.job import preference_settings as settings
from engine.job.cards import MethodCard, Paper
from engine.job.method_fields import ANCHORED_CHARTS, DPO_PAPER, FREE_CHARTS

_CODE = "engine.methods.preference:preference_loss"
_FREE = "Two answers per row, no reference; only the drift on the rows kept back needs one look at the start."
_ANCHORED = "Two answers per row and one look at the reference."


def _anchored(
    kind: str,
    titles: tuple[str, str],
    texts: tuple[str, str],
    settings: type,
    paper: Paper,
    *,
    expert: bool = False,
) -> MethodCard:
    """A method with a reference. `titles`: plain and technical; `texts`: what it does, and what for."""
    return MethodCard(
        kind=kind,
        family="preference",
        title=titles[0],
        subtitle=titles[1],
        help=texts[0],
        good_for=texts[1],
        costs=_ANCHORED,
        settings=settings,
        rows="preference",
        charts=ANCHORED_CHARTS,
        code=_CODE,
        paper=paper,
        needs_reference=True,
        expert=expert,
    )


def _free(
    kind: str, titles: tuple[str, str], texts: tuple[str, str], settings: type, paper: Paper
) -> MethodCard:
    """A method without a reference; arguments as for `_anchored`."""
    return MethodCard(
        kind=kind,
        family="preference",
        title=titles[0],
        subtitle=titles[1],
        help=texts[0],
        good_for=texts[1],
        costs=_FREE,
        settings=settings,
        rows="preference",
        charts=FREE_CHARTS,
        code=_CODE,
        paper=paper,
    )


_APO = Paper("D'Oosterlinck et al. 2024", "https://arxiv.org/abs/2408.06266")

PREFERENCE_METHODS: tuple[MethodCard, ...] = (
    _anchored(
        "dpo",
        ("Direct preference", "DPO"),
        (
            "Makes chosen answers likelier and rejected ones less, staying near the start.",
            "Tone, safety and taste, from pairs of answers.",
        ),
        settings.DpoSettings,
        DPO_PAPER,
    ),
    _free(
        "dpo-reference-free",
        ("Without a reference", "Reference-free DPO"),
        (
            "Compares the two answers directly; nothing holds it near the model you began with.",
            "Short runs, or when there is no sensible reference.",
        ),
        settings.DpoReferenceFreeSettings,
        DPO_PAPER,
    ),
    _anchored(
        "ipo",
        ("Preference with a fixed goal", "IPO"),
        (
            "Pulls the answers apart up to a fixed distance, then stops pulling.",
            "Few pairs, or votes without any doubt, where DPO goes too far.",
        ),
        settings.IpoSettings,
        Paper("Azar et al. 2023", "https://arxiv.org/abs/2310.12036"),
    ),
    _anchored(
        "hinge",
        ("Preference with a limit", "Hinge (SLiC)"),
        (
            "Learns from a pair only until the chosen answer leads by enough.",
            "Keeping easy pairs from pulling on for ever.",
        ),
        settings.HingeSettings,
        Paper("Zhao et al. 2023 (SLiC-HF)", "https://arxiv.org/abs/2305.10425"),
    ),
    _anchored(
        "robust",
        ("Preference with wrong votes", "Robust DPO"),
        (
            "Corrects the loss for a known share of votes that are the wrong way round.",
            "Pairs from many hands, or from clicks.",
        ),
        settings.RobustSettings,
        Paper("Chowdhury et al. 2024", "https://arxiv.org/abs/2403.00409"),
    ),
    _anchored(
        "apo-zero",
        ("Towards better answers", "APO-zero"),
        (
            "Raises the chosen answer and lowers the rejected one, each on its own.",
            "Chosen answers that are better than what the model writes itself.",
        ),
        settings.ApoZeroSettings,
        _APO,
    ),
    _free(
        "simpo",
        ("Simple preference", "SimPO"),
        (
            "Compares the mean per token, so that length is no advantage, and asks for a lead.",
            "Answers that grow too long, and less memory.",
        ),
        settings.SimpoSettings,
        Paper("Meng et al. 2024", "https://arxiv.org/abs/2405.14734"),
    ),
    _free(
        "orpo",
        ("Imitate and prefer at once", "ORPO"),
        (
            "Learns the chosen answer while it pushes the rejected one away, in a single stage.",
            "Starting from a base model without instruction tuning first.",
        ),
        settings.OrpoSettings,
        Paper("Hong et al. 2024", "https://arxiv.org/abs/2403.07691"),
    ),
    _free(
        "cpo",
        ("Contrast and imitate", "CPO"),
        (
            "Compares the answers without a reference and imitates the chosen one beside it.",
            "Translation, and chosen answers that are nearly perfect.",
        ),
        settings.CpoSettings,
        Paper("Xu et al. 2024", "https://arxiv.org/abs/2401.08417"),
    ),
    _anchored(
        "apo-down",
        ("Away from worse answers", "APO-down"),
        (
            "Lowers both answers, the rejected one more.",
            "Chosen answers that are worse than what the model writes itself.",
        ),
        settings.ApoDownSettings,
        _APO,
        expert=True,
    ),
    _anchored(
        "bco-pair",
        ("Tell good from bad", "BCO, pairs"),
        (
            "Learns to call the chosen answer good and the rejected one bad, each on its own.",
            "Pairs whose answers have little to do with each other.",
        ),
        settings.BcoPairSettings,
        Paper("Jung et al. 2024", "https://arxiv.org/abs/2404.04656"),
        expert=True,
    ),
    _anchored(
        "nca-pair",
        ("Keep the chosen likely", "NCA, pairs"),
        (
            "Raises the chosen answer in itself and not only above the rejected one.",
            "When the chosen answers became less likely under DPO.",
        ),
        settings.NcaPairSettings,
        Paper("Chen et al. 2024", "https://arxiv.org/abs/2402.05369"),
        expert=True,
    ),
    _anchored(
        "sppo",
        ("Play against itself", "SPPO, hard votes"),
        (
            "Draws each answer's log-ratio to a fixed goal, up for chosen and down for rejected.",
            "Rounds of own answers that were judged against each other.",
        ),
        settings.SppoSettings,
        Paper("Wu et al. 2024", "https://arxiv.org/abs/2405.00675"),
        expert=True,
    ),
    _anchored(
        "exo-pair",
        ("Match the votes exactly", "EXO, pairs"),
        (
            "Brings the model's own odds between the answers to those of the votes, by reverse KL.",
            "A sharper choice between the answers than DPO's.",
        ),
        settings.ExoPairSettings,
        Paper("Ji et al. 2024", "https://arxiv.org/abs/2402.00856"),
        expert=True,
    ),
    _anchored(
        "discopop",
        ("A discovered loss", "DiscoPOP"),
        (
            "Blends a logistic and an exponential loss, as a language model proposed.",
            "Trying what a search among losses found best.",
        ),
        settings.DiscopopSettings,
        Paper("Lu et al. 2024", "https://arxiv.org/abs/2406.08414"),
        expert=True,
    ),
)
