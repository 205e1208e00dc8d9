/// Stands here until the page itself does.
public struct TaskPage {
  let report: TaskReport
  /// A page of a report.
  public init(_ report: TaskReport) { self.report = report }
  /// The page.
  public var html: String { "<!doctype html><title>\(report.model)</title>\n" }
}
