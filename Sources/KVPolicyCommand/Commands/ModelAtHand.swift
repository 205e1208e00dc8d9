import Foundation

/// The model that is used where none is named.
enum ModelAtHand {
  /// `$KVPOLICY_MODEL`, else the first `.gguf` file, by name, in the folder `Models`.
  static func path(_ terminal: Terminal) throws(CommandError) -> String {
    if let path = terminal.environment["KVPOLICY_MODEL"], !path.isEmpty { return path }
    let folder = terminal.workingFolder + "/Models"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    guard let first = names.filter({ $0.hasSuffix(".gguf") }).min() else {
      throw .failure("no model found: run Scripts/fetch_model.sh, or give one with --model")
    }
    return "\(folder)/\(first)"
  }
}
