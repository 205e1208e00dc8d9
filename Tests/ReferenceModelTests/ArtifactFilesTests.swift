import Foundation
import KVPolicyKit
import Testing

@testable import ReferenceModel

@Suite("Files of artifacts")
final class ArtifactFilesTests {
  private let folder = FileManager.default.temporaryDirectory
    .appending(path: "artifacts-\(UUID().uuidString)")

  init() throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  private func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = folder.appending(path: name)
    try Data(bytes).write(to: file)
    return file.path()
  }

  private func read(_ name: String, _ text: String) throws -> Artifact {
    try ArtifactFiles().artifact(at: write(name, Array(text.utf8)))
  }

  @Test("keep kind, model, recipe and tensors")
  func safetensors() throws {
    let model = ModelIdentity(name: "a \"model\"", digest: String(repeating: "0f", count: 32))
    let tensors = [
      "a": Tensor(shape: [2, 1, 3], values: [1, 2, 3, 4, 5, 6]),
      "b": Tensor(shape: [1], values: [-0.5]),
    ]
    let bytes = ArtifactFiles.bytes(
      kind: "scorer", model: model, recipe: "made up", tensors: tensors)
    let artifact = try ArtifactFiles().artifact(at: write("x.safetensors", bytes))
    #expect(artifact.kind == "scorer" && artifact.model == model && artifact.recipe == "made up")
    #expect(artifact.tensors == tensors)
    #expect(artifact.digest == SHA256.hexadecimal(of: bytes))
    for count in [0, 3, 9, bytes.count / 2, bytes.count - 1] {
      let path = try write("cut.safetensors", Array(bytes.prefix(count)))
      #expect(throws: ArtifactError.self) { try ArtifactFiles().artifact(at: path) }
    }
  }

  @Test("may be tables, as TSV and as JSON")
  func tables() throws {
    let want = Tensor(shape: [2, 2], values: [0.5, 1, -2, 3e4])
    for (name, text) in [
      ("a.tsv", "0.5\t1\n-2\t3e4\n"), ("b.TSV", "\n 5.0e-01   1.0\r\n-2 30000\r\n\r\n"),
      ("c.json", "[[0.5, 1], [-2, 30000]]"),
      ("d.json", #"{"table": [[0.5, 1], [-2, 30000]], "kind": "head-profile"}"#),
    ] {
      let artifact = try read(name, text)
      #expect(artifact.tensors == [Artifact.table: want], "\(name)")
      #expect(artifact.kind == (name == "d.json" ? "head-profile" : nil) && artifact.model == nil)
    }
    let digest = String(repeating: "A1", count: 32)
    let named = try read(
      "e.json", #"{"model": {"name": "m", "digest": "\#(digest)"}, "table": [[1]], "recipe": "r"}"#)
    #expect(named.model == ModelIdentity(name: "m", digest: digest.lowercased()))
    #expect(named.recipe == "r")
  }

  static let broken = [
    ("a.tsv", "", "empty"), ("a.tsv", "\n \n", "its table is empty"),
    ("a.tsv", "1 2\n3", "row 1 of its table has 1 numbers, and row 0 has 2"),
    ("a.tsv", "1 2\n3 x", "line 2 has 'x'"), ("a.tsv", "<html>", "an HTML page"),
    ("a.json", "[[1, 2], [3]]", "row 1"), ("a.json", "[[]]", "its table is empty"),
    ("a.json", "[]", "its table is empty"), ("a.json", "[1, 2]", "not a list of rows"),
    ("a.json", #"[["1"]]"#, "not a list of rows"), ("a.json", "7", "not a list of rows"),
    ("a.json", "{}", "not a list of rows"), ("a.json", "[[1]", "malformed"),
    ("a.json", #"{"table": [[1]], "kinds": "x"}"#, "it has 'kinds'"),
    ("a.json", #"{"table": [[1]], "kind": 4}"#, "'kind' is not a text"),
    ("a.json", #"{"table": [[1]], "model": "m"}"#, "'model' is not an object"),
    ("a.json", #"{"table": [[1]], "model": {"name": "m"}}"#, "without a digest"),
    ("a.json", #"{"table": [[1]], "model": {"name": "m", "digest": "00"}}"#, "without a digest"),
    ("a.safetensors", "version https://git-lfs", "Git LFS"),
    ("a.safetensors", "12345678{", "claims a header"), ("a.pt", "1", "ends in .safetensors"),
    ("tsv", "1", "ends in .safetensors"),
  ]

  @Test("that are broken are refused with a reason", arguments: broken.indices)
  func refused(_ index: Int) throws {
    let (name, text, message) = Self.broken[index]
    let error = #expect(throws: ArtifactError.self) { try read(name, text) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "none")")
  }

  @Test("that are no files, or not text, are refused")
  func noFiles() throws {
    let bytes = try write("a.tsv", [0x31, 0xFF, 0xFE])
    for path in [folder.path(), folder.path() + "none.tsv", "/dev/null", "a\0b.tsv", bytes] {
      #expect(throws: ArtifactError.self, "\(path)") { try ArtifactFiles().artifact(at: path) }
    }
  }

  @Test("are read once")
  func once() throws {
    let files = ArtifactFiles()
    let path = try write("a.tsv", Array("1".utf8))
    let first = try files.artifact(at: path)
    _ = try write("a.tsv", Array("2".utf8))
    #expect(try files.artifact(at: path) == first)
    #expect(try ArtifactFiles().artifact(at: path) != first)
  }
}
