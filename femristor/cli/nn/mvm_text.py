"""Tables of `femristor mvm` for people."""

from femristor.cli.frame.tables import text_table


def text(found) -> str:
    """Ours, spread, closed form, references, budget by cause, and what is set side by side."""
    from femristor.nn.mvm.experiment import PAPER_RMSE, PAPER_WAN_RMSE, TEN_YEARS_S

    reference = dict(zip(found.reference_time_s, found.reference_rmse, strict=True))
    words = found.settings
    paper = {}
    if words["is_paper_setting"] and words["cells"] == "card":
        paper = PAPER_RMSE
    elif words["size"] == 64 and "Wan" in words["cells"]:
        paper = {TEN_YEARS_S: PAPER_WAN_RMSE}
    header = ("t [s]", "rmse", "spread", "laws", "reference", "difference", "paper", *found.causes)
    rows = []
    for index, time in enumerate(found.time_s):
        mean, law = found.rmse_mean[index], found.rmse_law[index]
        known = reference.get(time)
        rows.append(
            (
                f"{time:.5g}",
                f"{mean:.4f}",
                f"{found.rmse_std[index]:.4f}",
                f"{law:.4f}" if law == law else "",
                "" if known is None else f"{known:.3f}",
                "" if known is None else f"{100 * (mean / known - 1):+.1f} %",
                f"{paper[time]:g}" if time in paper else "",
                *(f"{value:.4f}" for value in found.rmse_by_cause[:, index]),
            )
        )
    lines = [
        f"{words['size']} x {words['size']}, {words['inputs']} inputs, {words['draws']} draws; {words['distribution']}",
        f"cells: {words['cells']}, {words['mapping']} mapping, effects: {words['effects']}, wires: {words['wires']}, "
        f"ADC bound {words['output_bound']:.4g}",
        text_table(header, rows, right=range(len(header))),
        "spread: standard deviation of single draws; laws: expectation in closed form; then each cause alone.",
    ]
    if reference:
        lines.append(f"reference: {found.reference_note}; paper: with wires of 0.35 ohm.")
    if len(found.variants) > 1:
        lines += ["", _variants(found)]
    return "\n".join(lines)


def _variants(found) -> str:
    header = ("RMSE at t [s]", *(f"{time:.5g}" for time in found.time_s))
    means = found.rmse_by_variant.mean(axis=2)
    rows = [
        (name, *(f"{value:.4f}" for value in row)) for name, row in zip(found.variants, means, strict=True)
    ]
    return text_table(header, rows, right=range(1, len(header)))


def sizes_text(runs) -> str:
    """RMSE of all variants over the sizes at the first and last time, and over the deviation of the exact outputs."""
    header = (
        "RMSE (relative)",
        *(f"{run.settings['size']}, {run.time_s[at]:.4g} s" for at in (0, -1) for run in runs),
    )
    rows = []
    for row, name in enumerate(runs[0].variants):
        cells = []
        for at in (0, -1):
            for run in runs:
                rmse = float(run.rmse_by_variant[row, at].mean())
                cells.append(f"{rmse:.3f} ({100 * rmse / float(run.scatter_exact.std()):.0f} %)")
        rows.append((name, *cells))
    return text_table(header, rows, right=range(1, len(header)))


def cost_lines(costs: dict) -> list[str]:
    """What refreshing costs, one line a size."""
    lines = []
    for cost in costs.get("refresh", ()):
        pulses = (
            ""
            if cost["pulses"] is None
            else f", {cost['pulses']:.3g} pulses (means of the paper, from the HRS)"
        )
        lines.append(
            f"refresh every {cost['interval_s']:g} s: {cost['refreshes']} refreshes of {cost['cells']} cells "
            f"by {cost['until_s']:.4g} s{pulses}"
        )
    return lines
