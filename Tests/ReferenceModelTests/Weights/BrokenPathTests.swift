import Foundation
import Testing

@testable import ReferenceModel

@Suite("Paths that are no model")
struct BrokenPathTests {
  /// The error message of opening `name` in a new folder, after `prepare` received the folder.
  private func message(_ name: String, _ prepare: (String) throws -> Void) throws -> String? {
    try withTemporaryFolder { folder in
      try prepare(folder)
      return try refusal { try ModelFiles.open(folder + name) }
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
    #expect(text?.contains("exactly one .gguf file (found none)") == true)
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

  @Test("an empty path is refused")
  func emptyPath() throws {
    #expect(try refusal { try ModelFiles.open("") }?.contains("cannot read") == true)
  }
}
