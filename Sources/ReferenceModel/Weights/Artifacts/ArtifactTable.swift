import Foundation
import KVPolicyKit

/// A table of numbers in a text file.
struct ArtifactTable {
  /// What a file of an object says of itself.
  private var members: [String: JSONValue] = [:]
  private let rows: [[Float]]
  private let file: MappedFile

  /// Reads JSON: a list of rows, or an object with the rows as `table`.
  init(json file: MappedFile) throws(ModelError) {
    var value = try JSONValue(parsing: ArtifactTable.text(of: file), file: file.path)
    if case .object(let members) = value {
      self.members = members
      value = self.members.removeValue(forKey: "table") ?? .null
    }
    let known = ["kind", "model", "recipe"]
    if let stranger = members.keys.sorted().first(where: { !known.contains($0) }) {
      throw .malformed(
        file: file.path,
        reason: "it has '\(stranger)'; legal are 'table', 'kind', 'model' and 'recipe'")
    }
    let problem = ModelError.malformed(
      file: file.path, reason: "its table is not a list of rows, each a list of numbers")
    guard case .array(let lines) = value else { throw problem }
    rows = try lines.map { line throws(ModelError) in
      guard case .array(let numbers) = line else { throw problem }
      return try numbers.map { number throws(ModelError) in
        guard let real = number.realNumber else { throw problem }
        return Float(real)
      }
    }
    self.file = file
    try check()
  }

  /// Reads TSV: a line for each row. Empty lines count for nothing.
  init(tsv file: MappedFile) throws(ModelError) {
    let bytes = try ArtifactTable.text(of: file)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .malformed(file: file.path, reason: "it is not UTF-8 text, as a TSV file is")
    }
    var rows: [[Float]] = []
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated()
    {
      let words = line.split { $0 == "\t" || $0 == " " }
      guard !words.isEmpty else { continue }
      rows.append(
        try words.map { word throws(ModelError) in
          guard let number = Double(word) else {
            throw .malformed(
              file: file.path,
              reason: "line \(index + 1) has '\(word.prefix(40))', which is not a number")
          }
          return Float(number)
        })
    }
    self.rows = rows
    self.file = file
    try check()
  }

  /// The table as an artifact of one tensor.
  func artifact(_ digest: String) throws(ModelError) -> Artifact {
    var model: [String: JSONValue] = [:]
    switch members["model"] ?? .null {
    case .null: break
    case .object(let named): model = named
    default: throw malformed("'model' is not an object of 'name' and 'digest'")
    }
    let values = rows.flatMap { $0 }
    let tensor = Tensor(shape: [rows.count, rows[0].count], values: values)
    return Artifact(
      kind: try text("kind", in: members),
      model: try ModelIdentity(
        name: text("name", in: model), digest: text("digest", in: model), of: file),
      recipe: try text("recipe", in: members), digest: digest,
      tensors: [Artifact.table: tensor])
  }

  /// The bytes of a text file of the size that is read.
  private static func text(of file: MappedFile) throws(ModelError) -> [UInt8] {
    guard file.count <= JSONValue.sizeLimit, let bytes = file.copy(at: 0, bytes: file.count) else {
      throw .malformed(
        file: file.path,
        reason: "it has \(file.count) bytes; of a table at most \(JSONValue.sizeLimit) are read")
    }
    return bytes
  }

  /// Refuses a table without numbers, and rows of different lengths.
  private func check() throws(ModelError) {
    guard let first = rows.first, !first.isEmpty else { throw malformed("its table is empty") }
    if let index = rows.firstIndex(where: { $0.count != first.count }) {
      throw malformed(
        "row \(index) of its table has \(rows[index].count) numbers, and row 0 has \(first.count)")
    }
  }

  private func text(_ name: String, in members: [String: JSONValue]) throws(ModelError) -> String? {
    switch members[name] ?? .null {
    case .null: return nil
    case .string(let text): return text
    default: throw malformed("'\(name)' is not a text")
    }
  }

  private func malformed(_ reason: String) -> ModelError {
    .malformed(file: file.path, reason: reason)
  }
}
