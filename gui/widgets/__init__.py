"""Reusable widgets, one a file. Nothing is imported here: the first paint must not load pyqtgraph.

Only `chart.py` and files named `chart_*` import pyqtgraph; import those after the window is shown.
Icons are Lucide names (`gui.theme.icons`); tones are good, warn, bad, accent, neutral (or ""); all text is plain text.
Blocked things (buttons, choices) always show their reason; `set_blocked("")` frees them.

labels          Label(text, role, tone, wrap) · ElidedLabel(text, role) · TermLabel(text, term) · Line(upright)
                roles: title, hero, heading, strong, medium, value, muted, small, smalltext, smallstrong
buttons         Button(text, kind, icon, compact=, icon_last=) · IconButton(icon, name, compact)
                kinds: primary, secondary, quiet, danger, link; set_label, set_kind, set_blocked(reason), reason_label()
flow            Flow(): a row that goes on in a second line; add_spring()
card            Card(title, subtle, icon, padding): .body, add_to_header, set_title, set_subtle, set_tone("selected")
                Note(tinted): .body
page_header     PageHeader(title, subtitle, help): set_title, set_subtitle, add_button(widget)
segmented       Segmented([(value, label)], current, name, stretch): changed(str), value, set_value, set_options,
                set_label, set_marked, button(value)
switch          Switch(name, is_on): toggled(bool)
badge           Badge(text, tone, icon, dot): set(text, tone, icon)
choice_card     ChoiceCard(title, term, sentence, badge): set_blocked(reason), set_texts
radio_row       RadioRow(title, sentence, term, side, framed=): set_blocked(reason), set_side, set_sentence
choice_group    ChoiceGroup(columns, name): add(value, card or row), changed(str), value, set_value, choice, set_shown
stat            Stat(label, value, small): set(value, small, tone, trend="down"|"up"), set_label
progress        Progress(height, tone, name): set_fraction(0..1), set_busy, set_tone
memory_bar      MemoryBar(legend): set_parts(weights, adapter, activations, workspace, free) in bytes; total()
notice          Notice(kind, title, text, [(label, call)], dismissible=), kind: info, success, warn, error
                NoticeHost(): show_notice(key, notice), clear(key), notice(key)
empty_state     EmptyState(icon, title, text): add_button, set_texts
drop_zone       DropZone(title, text, icon): dropped(list of Path), clicked, set_texts
search_field    SearchField(placeholder): textChanged
number_box      NumberBox(value, low, high, whole=, name=, auto=): changed(number or None), refused(str), set_value
slider          ValueSlider(low, high, value, name, words=(left, right), logarithmic=, whole=, box=, show=):
                changed(float), value, set_value, set_range
form_row        FormRow(key, field): one row alone; show_setting(field, value) -> words
histogram       Histogram(name): set_series([(label, counts, role)], low, high), set_cut, cut_moved, cut_chosen
token_view      TokenView(name, lines): set_tokens([(text, kind)]), text, copy; kinds: prompt, trained, rejected, cut,
                special, special-trained, special-rejected
token_legend    TokenLegend(is_preference): set_preference
legend          Legend([(words, role, strength 0..1)]): set_entries
plain_text      PlainText(text, name, lines): set_text, append_text; for every text of a model or a file
sparkline       Sparkline(values, role): set_values · paint_sparkline(painter, area, values, colour) for delegates
phase_list      PhaseList([(key, words)]): set_phase(key, state, seconds), state, reset
device_chip     DeviceChip(): set(device, memory, fraction)
rail_button     RailButton(text, icon): checkable; set_mark("done"|"attention"|"busy"|"")
key_values      KeyValues(columns, pairs): set_pairs([(label, value)])
setting_row     SettingRow(label, help, *editors, term=): set_help
dialogs         ConfirmDialog(title, text, [(value, label, kind)], parent): ask() -> value or ""
                ShortcutDialog([(heading, [(what, keys)])], parent)
icon_label      IconLabel(name, role, size, ground): set_icon · Spinner(role, size)
skeleton        Skeleton(rows)
select          Select([(value, label)], current, name, tone): changed(str), value, set_value, set_options
form            Form([*fields_of(TrainSection, "train")]): changed(key, value), set_values(values, base), values,
                set_error, changed_keys, groups, show_only(keys), set_filter(words), reset_all
chart_spec      Curve(key, label, role, smooth, dashed), ChartSpec(key, title, curves, hint, ...), validation_curve(label),
                spec_of(chart of a card, validation_label), overlay_spec(key, title, [(run, name)])
chart           Chart(spec, compact): add(key, step, value, tokens, seconds), add_marker(Marker), clear, set_smoothing,
                set_logarithmic, set_axis("step"|"tokens"|"seconds"), show_all, export(path); step_clicked(int)
chart_grid      ChartGrid(specs, columns): the same calls for one chart or several that zoom and read out together
chart_markers   Marker(step, text, tone)
chart_toolbar   ChartToolbar(smoothing, with_axis): drive(chart or grid, ...), failed(str), saved(Path); no pyqtgraph
chart_series    the numpy part: buffers, running average, thinning
"""
