import KVPolicyKit
import MiniTasks
import Reporting

/// A report on the tasks as one self-contained HTML page: it needs no network and no other file.
///
/// Tables and charts work without scripts. The page also contains the whole report as JSON, in the
/// element `report`. The story is told from this JSON, and a link saves it as a file.
public struct TaskPage {
  let report: TaskReport

  /// A page about a report.
  public init(_ report: TaskReport) { self.report = report }

  /// The HTML of the page. Equal reports give equal bytes.
  public var html: String {
    let style = PageStyle.rules(
      PageStyle.task, PageStyle.table, PageStyle.player, PageStyle.tokens, PageStyle.story)
    return PageFrame(
      title: "\(report.model): KV-cache eviction policies", style: style,
      content: """
        <header>
        <h1>What eviction policies cost a long answer</h1>
        <p class="lede">A language model remembers what it has read in its KV cache: keys and values of every token, in
        every layer. An eviction policy keeps the cache small by forgetting tokens. This page shows what that
        costs: how many answers are still right, from how much memory.</p>
        <p class="conditions">\(conditions)</p>
        \(download)
        </header>
        \(memorySection)
        \(taskSection)
        \(storySection)
        \(placesSection)
        \(tableSection)
        """, scripts: scripts
    ).html
  }

  /// The conditions, in two sentences.
  private var conditions: String {
    let checks = report.policies.map(\.all.checks).max() ?? 0
    return """
      <b>\(Markup.escaped(report.model))</b>, a transformer of \
      \(Markup.count(report.layers, "layer")) with \(Markup.count(report.keyHeads, "key head")) each, \
      read \(Markup.count(report.documents, isDialogue ? "dialogue" : "document")) of \
      \(Markup.count(report.documentTokens, "token"))\(seed) and wrote their responses, of at most \
      \(Markup.count(report.responseTokens, "token")), with full attention\(limits). Every token of a \
      response follows from its prompt, so each of the \(Markup.count(checks, "check")) of a run comes out \
      right or wrong; rows were stored as \(report.rowFormat.rawValue) in pages of \(report.pageRows), and \
      \(Markup.count(report.threads, "thread")) worked.
      """
  }

  /// Whether documents have several turns.
  private var isDialogue: Bool { report.kind == TaskMixture.Kind.dialogue.rawValue }

  /// The words on the seed; empty for the default seed.
  private var seed: String { report.seed == 0 ? "" : ", drawn from seed \(report.seed)," }

  /// The words on the limited caches, which continue the sentence on full attention.
  private var limits: String {
    var limits: [String] = []
    if !budgets.isEmpty {
      let policies = Set(report.policies.filter { $0.budget != nil }.map(\.label)).count
      limits.append(
        """
         under \(Markup.count(policies, "policy", "policies")) with budgets of \
        \(Markup.list(BudgetNote.words(budgets)))
        """)
    }
    if !unbudgeted.isEmpty {
      limits.append(
        " without a budget under \(Markup.list(unbudgeted.map { Markup.escaped($0.label) }))")
    }
    return limits.map { " and" + $0 }.joined()
  }

  /// The budgets in the report: those in rows, then those in bytes, each largest first.
  var budgets: [Amount] {
    let amounts = Set(report.policies.compactMap(\.amount))
    func size(_ amount: Amount) -> (Int, Int) {
      switch amount {
      case .rows(let rows): (1, rows)
      case .bytes(let bytes): (0, bytes)
      case .share: (-1, 0)
      }
    }
    return amounts.sorted { size($0) > size($1) }
  }

  /// Measurements without a budget, except full attention, which is the first of the report.
  var unbudgeted: [TaskMeasurement] { report.policies.dropFirst().filter { $0.budget == nil } }

  /// All policies but full attention, in the order of the report.
  var labels: [String] {
    report.policies.dropFirst().reduce(into: []) { labels, policy in
      if !labels.contains(policy.label) { labels.append(policy.label) }
    }
  }
}
