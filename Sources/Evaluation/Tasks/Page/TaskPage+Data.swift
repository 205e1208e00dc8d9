import Reporting

/// The data of a page: the report itself, and a link that saves it.
extension TaskPage {
  /// The link that saves the report; without scripts, a note that says where the data is.
  var download: String {
    """
    <p><a id="download" download="kvpolicy-tasks.json" hidden>Download the data (JSON)</a></p>
    <noscript><p class="note">The data is in this page's source, in the element "report".</p></noscript>
    """
  }

  /// The report as JSON, and the scripts that save it and tell its story.
  var scripts: String {
    let json = (try? ReportText.json(report, layout: [])) ?? "null"
    let story = storySection.isEmpty ? "" : "\n<script>\n\(StoryScript.text)\n</script>"
    return """
      <script type="application/json" id="report">\(Markup.script(json: json))</script>
      <script>
      \(TaskPage.saving)
      </script>\(story)
      """
  }

  /// Gives the link its target. A page opened from a disk may do so too.
  private static let saving = """
    "use strict";
    (() => {
      const link = document.getElementById("download");
      const text = document.getElementById("report").textContent;
      link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
      link.hidden = false;
    })();
    """
}
