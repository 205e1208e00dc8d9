import Reporting

/// A self-contained HTML page around some content: it needs no network and no other file.
struct PageFrame {
  /// The title of the window, as plain text.
  let title: String
  /// CSS rules, which may change the rules of charts.
  let style: String
  /// The markup of the page's main part.
  let content: String
  /// The script elements at the page's end.
  let scripts: String

  /// The HTML of the page.
  var html: String {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>\(Markup.escaped(title))</title>
    <style>
    \(ChartStyle.rules)
    \(style)
    </style>
    </head>
    <body>
    <main>
    \(content)
    </main>
    \(scripts)
    </body>
    </html>

    """
  }
}
