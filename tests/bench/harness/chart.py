"""Charts as SVG, small enough to be read in a diff."""

from html import escape

COLOURS = ["#1b6ca8", "#d1495b", "#edae49", "#66a182", "#8d6a9f", "#6c757d", "#2e4057"]
TEXT = 'font-family="sans-serif" font-size="12" fill="#333"'


def _frame(width, height, title, subtitle, body):
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
            f'<text x="16" y="24" {TEXT} font-weight="bold">{escape(title)}</text>',
            f'<text x="16" y="42" {TEXT}>{escape(subtitle)}</text>',
            *body,
            "</svg>",
            "",
        ]
    )


def _number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def bars(title, subtitle, groups, unit):
    """groups: [(label, [(name, value), ...]), ...]; one bar for each name, grouped by label, in
    proportion to the largest of its group."""
    names = []
    for _, values in groups:
        names += [name for name, _ in values if name not in names]
    left, bar, gap, scale = 16, 16, 14, 460
    y = 64
    body = []
    for label, values in groups:
        body.append(f'<text x="16" y="{y + 12}" {TEXT}>{escape(label)}</text>')
        y += bar + 2
        largest = max(value for _, value in values)
        for name, value in values:
            colour = COLOURS[names.index(name) % len(COLOURS)]
            length = value / largest * scale
            body.append(
                f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar - 3}" fill="{colour}"/>'
            )
            body.append(
                f'<text x="{left + length + 6:.1f}" y="{y + 11}" {TEXT}>'
                f"{escape(name)}: {_number(value)} {escape(unit)}</text>"
            )
            y += bar
        y += gap
    return _frame(left + scale + 200, y, title, subtitle, body)
