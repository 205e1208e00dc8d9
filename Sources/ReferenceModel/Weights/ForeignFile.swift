import Foundation

/// Recognises files that are no model by their first bytes and their names, and says what they are.
enum ForeignFile {
  /// The formats that can be opened, for messages.
  private static let legal =
    "a model is one .gguf file, or a folder with config.json and safetensors files"

  /// The content that stands in place of a file that was not fetched, with the remedy; nil for any
  /// other content.
  ///
  /// No legal file begins with these words. A safetensors file begins with a number of 64 bits, and
  /// five letters make the number larger than any header.
  static func placeholder(in file: MappedFile) -> String? {
    let start = String(decoding: file.start(512), as: UTF8.self)
    if start.hasPrefix("version https://") {
      return "a Git LFS pointer, not the file: fetch it with git lfs pull"
    }
    let page = start.drop { $0.isWhitespace || $0 == "\u{FEFF}" }.prefix(16).lowercased()
    if ["<!doctype html", "<html", "<head", "<!--"].contains(where: page.hasPrefix) {
      return "an HTML page, not the file: download the file itself"
    }
    if page.hasPrefix("<?xml") {
      return "an XML page, not the file: download the file itself"
    }
    return nil
  }

  /// The kind of archive that `file` is; nil for any other content.
  static func archive(_ file: MappedFile) -> String? {
    let kinds: [(start: [UInt8], kind: String)] = [
      ([0x50, 0x4B, 0x03, 0x04], "a zip archive, as PyTorch also writes it"),
      ([0x1F, 0x8B], "a gzip archive"), (Array("BZh".utf8), "a bzip2 archive"),
      ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "an xz archive"),
      ([0x28, 0xB5, 0x2F, 0xFD], "a Zstandard archive"),
      ([0x37, 0x7A, 0xBC, 0xAF], "a 7z archive"),
      ([0x80, 0x02], "a Python pickle, as PyTorch writes it"),
    ]
    return kinds.first { file.start(8).starts(with: $0.start) }?.kind
  }

  /// The error for a file without GGUF's first bytes.
  static func notGGUF(_ file: MappedFile) -> ModelError {
    if let placeholder = placeholder(in: file) {
      return .unreadable(path: file.path, reason: placeholder)
    }
    if let kind = archive(file) {
      return .unreadable(path: file.path, reason: "it is \(kind), not a GGUF file; \(legal)")
    }
    let name = file.path.lowercased()
    if [".json", ".safetensors", ".jinja"].contains(where: name.hasSuffix) {
      let folder = URL(fileURLWithPath: file.path).deletingLastPathComponent().path
      return .unreadable(
        path: file.path,
        reason: "it is one file of a model, not the whole; give the model's folder, \(folder)")
    }
    return .malformed(
      file: file.path,
      reason: "it does not start with 'GGUF', so it is not a GGUF file; \(legal)")
  }

  /// The error for a folder in which no model was found; `names` are its files.
  static func notModelFolder(_ path: String, names: Set<String>) -> ModelError {
    guard !names.isEmpty else {
      return .unreadable(path: path, reason: "the folder is empty; \(legal)")
    }
    let candidates = names.filter { $0.hasSuffix(".gguf") }.sorted()
    let found =
      candidates.isEmpty ? "none" : "\(candidates.count): \(candidates.joined(separator: ", "))"
    let torch = names.filter { name in [".bin", ".pt", ".pth"].contains(where: name.hasSuffix) }
    let other = torch.min().map { "; PyTorch's files, such as \($0), are not read" } ?? ""
    return .unreadable(
      path: path,
      reason: "a model folder holds config.json with \(HuggingFaceFolder.singleName) or "
        + "\(HuggingFaceFolder.indexName), or exactly one .gguf file (found \(found))\(other)")
  }
}
