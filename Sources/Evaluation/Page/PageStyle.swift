import Reporting

/// The CSS rules of pages; `ChartStyle` has the rules of their charts.
enum PageStyle {
  /// The rules that every page needs, and the rules of a page's parts.
  static func rules(_ parts: String...) -> String {
    ([base] + parts + [calm]).joined(separator: "\n")
  }

  private static let base = """
    :root{color-scheme:light dark;\(variables(\.light))}
    @media (prefers-color-scheme:dark){:root{\(variables(\.dark))}}
    *{box-sizing:border-box}
    body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
    main{max-width:76rem;margin:0 auto;padding:2.5rem 1rem 4rem}
    h1,h2,h3{line-height:1.2;margin:0 0 .5rem;text-wrap:balance}
    h1{font-size:1.75rem}
    h2{font-size:1.25rem}
    h3{font-size:1rem;margin-top:1.25rem}
    section{margin-top:3rem}
    p{max-width:44rem;margin:.5rem 0}
    .lede{font-size:1.0625rem}
    .note{font-size:.875rem;color:var(--quiet)}
    figure{margin:1rem 0 0}
    figcaption{font-size:.875rem;font-weight:600}
    svg.chart{display:block;width:100%;height:auto}
    .wide{max-width:48rem}
    .narrow{display:none}
    .narrow .key{margin-bottom:.75rem}
    @media (max-width:44rem){.wide{display:none}.narrow{display:block}}
    .multiples{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr));gap:0 2rem}
    .key{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:.75rem 0 0;padding:0;\
    font-size:.875rem}
    .key li{display:flex;align-items:center;gap:.5rem}
    .key svg.chart{width:28px;height:16px}
    code{font:.9em ui-monospace,"SF Mono",Consolas,"DejaVu Sans Mono",monospace}
    a{color:var(--link)}
    .quiet{color:var(--quiet)}
    """

  private static let calm = "@media (prefers-reduced-motion:reduce){*{transition:none!important}}"

  /// The example of a task and its rules.
  static let task = """
    mark{background:color-mix(in srgb,var(--accent) 16%,var(--paper));color:var(--ink);border-radius:2px;padding:0 .15em}
    mark sup,code sup{font-size:.75em;line-height:1;margin-left:.15em}
    .example{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:0 2rem;\
    max-width:60rem}
    .example .text{columns:auto}
    .rules{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:.75rem 2rem;\
    margin:.5rem 0;max-width:60rem;font-size:.875rem}
    .rules dt{font-weight:600}
    .rules dt code{font-weight:400;margin-left:.35em}
    .rules dd{margin:0}
    """

  /// A table that may be wider than the screen.
  static let table = """
    .scroll{overflow-x:auto;margin-top:1rem}
    table{border-collapse:collapse;font-size:.8125rem;font-variant-numeric:tabular-nums;white-space:nowrap}
    th,td{padding:.2rem .27rem;text-align:right;font-weight:400}
    thead th{color:var(--quiet);vertical-align:bottom}
    thead tr:first-child th+th{text-align:center;border-bottom:1px solid var(--rule)}
    .lead{padding-left:1rem}
    th[rowspan],tbody th{text-align:left;padding-left:0}
    th[rowspan],th[scope=row]{position:sticky;left:0;background:var(--paper);background-clip:padding-box}
    tbody{border-top:1px solid var(--rule)}
    .group th{color:var(--quiet);padding-top:.5rem}
    .group span{position:sticky;left:0}
    details{margin-top:.5rem;font-size:.875rem}
    summary{cursor:pointer;color:var(--quiet)}
    .plain{list-style:none;padding:0;overflow-wrap:anywhere}
    """

  /// A form with a button that plays, and a slider of moments.
  static let player = """
    .controls{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;align-items:center;\
    gap:.5rem 1rem;padding:.6rem 0;background:var(--paper);border-bottom:1px solid var(--rule);\
    font-size:.875rem}
    .controls label{display:flex;align-items:center;gap:.5rem}
    .controls select,.controls button{font:inherit}
    .controls button{min-width:4.5rem}
    .time{flex:1 1 16rem}
    .time input{flex:1;min-width:0;accent-color:var(--accent)}
    .controls output{flex:1 1 100%;font-variant-numeric:tabular-nums}
    """

  /// A text whose tokens fade.
  static let tokens = """
    .legend{display:flex;flex-wrap:wrap;gap:.25rem 1rem;color:var(--ink)}
    .text{font:13px/1.55 ui-monospace,"SF Mono",Consolas,"DejaVu Sans Mono",monospace;\
    columns:22rem;column-gap:2rem}
    .text div{break-inside:avoid;padding-left:1.5em;text-indent:-1.5em}
    .text span,.text em{transition:color .25s,background-color .25s}
    .later{visibility:hidden}
    .legend em,.text em{font-style:normal;text-decoration:underline wavy var(--wrong) 1.5px;\
    text-underline-offset:3px;text-decoration-skip-ink:none}
    \(held)
    .held0:not([data-end]){background:linear-gradient(currentColor,currentColor) 0 55%/100% 1px no-repeat}
    """

  /// What a story says of an answer, and its strip of moments.
  static let story = """
    #result{font-weight:600}
    .strip div{position:relative;border:1px solid var(--rule)}
    .strip canvas{display:block;width:100%;height:7rem}
    @media (prefers-color-scheme:dark){.strip canvas{filter:invert(1)}}
    .strip i{position:absolute}
    #now{left:0;right:0;border-top:2px solid var(--accent)}
    #edge{top:0;bottom:0;border-left:1px dashed var(--quiet)}
    .strip figcaption{font-weight:400;color:var(--quiet);margin-top:.25rem}
    """

  /// The background fades towards the paper colour and the text stays legible. Forgotten tokens are
  /// quiet and also struck through.
  private static let held =
    ".held0{color:var(--quiet)}\n"
    + (1...9).map { ninths in
      ".held\(ninths){background:color-mix(in srgb,var(--accent) \(6 + 4 * ninths)%,var(--paper))}"
    }.joined(separator: "\n")

  private static func variables(_ theme: KeyPath<ChartStyle.Tint, String>) -> String {
    let tints = [
      ("paper", ChartStyle.paper), ("ink", ChartStyle.ink), ("quiet", ChartStyle.quiet),
      ("rule", ChartStyle.rule), ("accent", ChartStyle.hues[0]), ("wrong", ChartStyle.hues[1]),
      ("link", ChartStyle.link),
    ]
    return tints.map { "--\($0.0):\($0.1[keyPath: theme])" }.joined(separator: ";")
  }
}
