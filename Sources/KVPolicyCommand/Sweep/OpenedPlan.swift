import BundledModel
import Evaluation
import KVPolicyKit
internal import Processor
import ReferenceModel

/// A plan with its models opened and all of its cells checked.
struct OpenedPlan {
  let sweep: Sweep
  let cells: [PlannedCell]
  /// The names of the policies that `all` leaves out.
  let leftOut: [String]
}

extension Command {
  /// Opens the models of a plan and checks all cells.
  ///
  /// - Parameters:
  ///   - path: the file whose folder relative paths of the plan begin in; nil for the working
  ///     folder.
  ///   - jobs: documents that are read at the same time.
  ///   - plan: makes the plan.
  func open(
    planAt path: String?, jobs: Int, _ plan: (_ sources: PlanSources) throws -> SweepPlan
  ) throws -> OpenedPlan {
    let sources = PlanSources(command: self, path: path)
    let plan = try plan(sources)
    let models = try plan.models.map { word in
      let model = sources.model(word)
      return SweepModel(
        name: model.name, source: model.path ?? BundledModel.name,
        files: try open(model, writing: []))
    }
    var sweep = Sweep(models, registry: registry, options: plan.options)
    sweep.jobs = jobs
    (sweep.version, sweep.build) = KVPolicyTool.origin
    return OpenedPlan(
      sweep: sweep, cells: try plan.cells(models, registry: registry),
      leftOut: try plan.leftOut(registry))
  }
}

/// Finds the files that a plan names.
struct PlanSources {
  let command: any Command
  let path: String?

  /// A model of a plan.
  func model(_ word: String) -> ModelAtHand {
    switch ModelAtHand(word) {
    case .bundled: .bundled
    case .file(let file): .file(located(file))
    }
  }

  /// A configuration with the artifacts that it names.
  func configuration(_ configuration: PolicyConfiguration) throws -> PolicyConfiguration {
    try command.locating(configuration, namedBy: path ?? "-")
  }

  /// A text that a task names.
  func text(_ file: String) throws -> SweepText {
    let file = located(file)
    return SweepText(file: file, text: try command.input(file).text())
  }

  /// The path from the working folder.
  private func located(_ file: String) -> String {
    guard let path, path != "-", !file.hasPrefix("/"), path.contains("/") else { return file }
    return TemporaryFile.folder(of: path) + "/" + file
  }
}

extension KVPolicyTool {
  /// The version and the build, as records name them.
  static var origin: (version: String, build: String) { (version, Processor.build) }
}
