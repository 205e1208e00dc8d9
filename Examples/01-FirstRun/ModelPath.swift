import Foundation

/// The model given on the command line, else the first `.gguf` file in the folder `Models`.
///
/// Without one, says on standard error how to get it.
func modelPath(_ arguments: [String]) -> String? {
  if let given = arguments.dropFirst().first(where: { !$0.hasPrefix("--") }) { return given }
  let names = (try? FileManager.default.contentsOfDirectory(atPath: "Models")) ?? []
  if let first = names.filter({ $0.hasSuffix(".gguf") }).min() { return "Models/\(first)" }
  FileHandle.standardError.write(
    Data("FirstRun: no model; run Scripts/fetch_model.sh, or name a GGUF file or folder\n".utf8))
  return nil
}

/// The exit status without a model: a failure, unless `--allow-missing` says it is none.
var missingModelStatus: Int32 { CommandLine.arguments.contains("--allow-missing") ? 0 : 1 }
