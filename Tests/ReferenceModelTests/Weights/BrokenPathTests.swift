import Foundation
import ReferenceModel
import Testing

@Suite("Paths that are no model")
struct BrokenPathTests {
  /// The error message of opening `name` in a new folder, after `prepare` received the folder.
  private func message(_ name: String, _ prepare: (String) throws -> Void) throws -> String? {
    try withTemporaryFolder { folder in
      try refusal {
        try prepare(folder)
        return try ModelFiles.open(folder + name)
      }
    }
  }

  @Test("a missing file is named")
  func missing() throws {
    let text = try message("/none.gguf") { _ in }
    #expect(text?.contains("none.gguf: No such file or directory") == true)
  }

  @Test("a folder without a model says what a model folder holds")
  func emptyFolder() throws {
    let text = try message("") { _ in }
    #expect(text?.contains("the folder is empty; a model is one .gguf file, or a folder") == true)
    let torch = try message("") { try writeFile([1], to: $0 + "/pytorch_model.bin") }
    #expect(torch?.contains("exactly one .gguf file (found none); PyTorch's files") == true)
  }

  @Test("a folder where a file should be is refused")
  func folderForFile() throws {
    let text = try message("") {
      let path = $0 + "/model.safetensors"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      try writeFile(Array(TinyFolder().configurationText.utf8), to: $0 + "/config.json")
    }
    #expect(text?.contains("it is a folder, not a file") == true)
  }

  @Test("a pipe is refused at once instead of waiting for a writer")
  func pipe() throws {
    let text = try message("/pipe.gguf") { #expect(unsafe mkfifo($0 + "/pipe.gguf", 0o600) == 0) }
    #expect(text?.contains("it is not a regular file") == true)
  }

  @Test("a link to itself is refused")
  func linkToItself() throws {
    let text = try message("/loop.gguf") {
      let path = $0 + "/loop.gguf"
      try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: path)
    }
    #expect(text?.contains("loop.gguf: Too many levels of symbolic links") == true)
  }

  @Test("a file without permission is refused", .enabled(if: geteuid() != 0))
  func forbidden() throws {
    let text = try message("/secret.gguf") {
      try writeFile(TinyGGUF().bytes, to: $0 + "/secret.gguf")
      #expect(unsafe chmod($0 + "/secret.gguf", 0) == 0)
    }
    #expect(text?.contains("secret.gguf: Permission denied") == true)
  }

  @Test("a zero byte does not cut a path short")
  func zeroByte() throws {
    let text = try message("/a.gguf\0b") { try writeFile(TinyGGUF().bytes, to: $0 + "/a.gguf") }
    #expect(text?.contains("the path contains a zero byte") == true)
  }

  /// Files that are no model, and what they are called.
  static let foreign: [(content: String, says: String)] = [
    (
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 98\n",
      "a Git LFS pointer, not the file: fetch it with git lfs pull"
    ),
    ("<!DOCTYPE html>\n<title>Sign in</title>", "an HTML page, not the file: download"),
    ("\u{FEFF}\r\n  <HTML lang=\"en\">", "an HTML page, not the file: download"),
    ("<!-- error --><html>", "an HTML page, not the file: download"),
    (#"<?xml version="1.0"?><Error>AccessDenied</Error>"#, "an XML page, not the file: download"),
    ("", "the file is empty"),
  ]

  @Test("a pointer or a page in place of any file of a model is named", arguments: foreign)
  func placeholders(content: String, says: String) throws {
    let alone = try message("/model.gguf") {
      try writeFile(Array(content.utf8), to: $0 + "/model.gguf")
    }
    #expect(alone?.contains(says) == true, "\(alone ?? "it opened")")
    let index = "model.safetensors.index.json"
    for name in ["config.json", index, "model-1.safetensors", "tokenizer.json"] {
      let text = try message("") { folder in
        var tiny = TinyFolder()
        tiny.shard()
        try tiny.write(to: folder)
        try writeFile(Array(content.utf8), to: "\(folder)/\(name)")
        if name == "tokenizer.json" { _ = try ModelFiles.open(folder).tokenizer() }
      }
      #expect(text?.contains(says) == true, "\(name): \(text ?? "it opened")")
      #expect(text?.contains(name) == true)
    }
    let bytes = try refusal { try ModelFiles.open(gguf: Array(content.utf8), name: "bytes") }
    #expect(bytes?.contains(says) == true, "\(bytes ?? "it opened")")
  }

  @Test(
    "an archive is named, and so are the legal formats",
    arguments: [
      ([0x50, 0x4B, 3, 4, 20, 0, 0, 0], "zip"), ([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3], "gzip"),
      ([0x80, 2, 0x8A, 10], "Python pickle"),
    ] as [([UInt8], String)])
  func archives(bytes: [UInt8], kind: String) throws {
    let text = try message("/pytorch_model.bin") {
      try writeFile(bytes, to: $0 + "/pytorch_model.bin")
    }
    #expect(text?.contains("it is a \(kind)") == true, "\(text ?? "it opened")")
    #expect(text?.contains("a model is one .gguf file, or a folder with config.json") == true)
    let inside = try message("") { folder in
      try TinyFolder().write(to: folder)
      // As a safetensors header's length, gzip's first bytes are a number below a million.
      let long = bytes + [UInt8](repeating: 0, count: 1_000_000)
      try writeFile(long, to: "\(folder)/model.safetensors")
    }
    #expect(inside?.contains("it is a \(kind)") == true, "\(inside ?? "it opened")")
  }

  @Test(
    "one file of a folder asks for the folder",
    arguments: [
      "config.json", "tokenizer.json", "model.safetensors.index.json", "model-1.safetensors",
    ])
  func partOfFolder(_ name: String) throws {
    var path = ""
    let text = try message("/" + name) { folder in
      path = URL(fileURLWithPath: folder).path
      var tiny = TinyFolder()
      tiny.shard()
      try tiny.write(to: folder)
      try writeFile(Array("{}".utf8), to: folder + "/tokenizer.json")
    }
    #expect(text?.contains("not the whole; give the model's folder, \(path)") == true)
  }

  @Test("an empty path is refused")
  func emptyPath() throws {
    #expect(try refusal { try ModelFiles.open("") }?.contains("cannot read") == true)
  }
}
