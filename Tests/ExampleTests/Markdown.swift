import Foundation
import Testing

/// The package's own files, located relative to this file.
enum Repository {
  /// The folder that holds `Package.swift`.
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../..").standardizedFileURL

  /// Paths, relative to the root, of all files with this ending in these folders, sorted. Hidden
  /// files and build products are skipped.
  static func files(_ ending: String, in folders: [String]) -> [String] {
    var found: [String] = []
    for folder in folders {
      let start = root.appending(path: folder)
      let all = FileManager.default.enumerator(
        at: start, includingPropertiesForKeys: nil, options: .skipsHiddenFiles)
      while let file = all?.nextObject() as? URL {
        if file.lastPathComponent.hasSuffix(ending) {
          found.append(String(file.standardizedFileURL.path().dropFirst(root.path().count)))
        }
      }
    }
    return found.sorted()
  }

  /// A file's text.
  static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  /// All Markdown: the files at the top, the notes, and the files of examples, catalogs and
  /// fixtures.
  static let markdown: [String] = {
    let top = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].filter {
      FileManager.default.fileExists(atPath: root.appending(path: $0).path())
    }
    return top + files(".md", in: ["Examples", "Sources", "Tests", "docs"])
  }()

  /// All Swift files.
  static let swift = files(".swift", in: ["Sources", "Examples", "Tests"])
}

/// A fenced block of code in a text.
struct CodeBlock: CustomTestStringConvertible, Sendable {
  /// The file of the block, relative to the root.
  let file: String
  /// The line of its opening fence, from 1.
  let line: Int
  /// The word after the fence: `swift`, `json`, `sh`; empty if there is none.
  let language: String
  /// The lines of the block, without the indentation of the fence.
  let lines: [String]

  var testDescription: String { "\(file):\(line)" }

  /// Whether the block is a sketch in a comment, with parts left out.
  var isAbbreviated: Bool { file.hasSuffix(".swift") && lines.contains { $0.contains("…") } }

  /// Whether the block is part of a package manifest; `Scripts/check_package.sh` builds the
  /// README's.
  var isManifest: Bool { lines.contains { $0.contains(".package(") } }

  /// The fenced blocks of a text.
  static func blocks(of text: String, file: String) -> [CodeBlock] {
    var found: [CodeBlock] = []
    var open: (line: Int, indent: Int, language: String, lines: [String])?
    for (index, line) in text.components(separatedBy: "\n").enumerated() {
      let indent = line.prefix { $0 == " " }.count
      let isFence = line.dropFirst(indent).hasPrefix("```")
      if let block = open, isFence {
        found.append(
          CodeBlock(
            file: file, line: block.line, language: block.language, lines: block.lines))
        open = nil
      } else if isFence {
        let language = line.dropFirst(indent + 3).trimmingCharacters(in: .whitespaces)
        open = (index + 1, indent, language, [])
      } else if let block = open {
        open?.lines.append(String(line.dropFirst(min(indent, block.indent))))
      }
    }
    return found
  }

  /// The blocks of all prose, and of the comments of all sources, in these languages.
  static func all(_ languages: String...) -> [CodeBlock] {
    let prose = Repository.markdown.flatMap { path in
      blocks(of: (try? Repository.text(path)) ?? "", file: path)
    }
    let comments = Repository.files(".swift", in: ["Sources"]).flatMap { path in
      blocks(of: documentation(in: (try? Repository.text(path)) ?? ""), file: path)
    }
    return (prose + comments).filter { languages.contains($0.language) }
  }

  /// The text of the `///` comments, at their own line numbers.
  private static func documentation(in source: String) -> String {
    source.components(separatedBy: "\n").map { line in
      let text = line.drop { $0 == " " }
      guard text.hasPrefix("///") else { return "" }
      return String(text.dropFirst(text.hasPrefix("/// ") ? 4 : 3))
    }.joined(separator: "\n")
  }
}

extension String {
  /// Its pieces between single back-ticks, fenced blocks left out.
  var codeVoice: [String] {
    var isInside = false
    let prose = components(separatedBy: "\n").filter { line in
      if line.drop(while: { $0 == " " }).hasPrefix("```") { isInside.toggle() }
      return !isInside
    }.joined(separator: "\n")
    return prose.replacing("``", with: "").components(separatedBy: "`").enumerated()
      .filter { $0.offset % 2 == 1 }.map(\.element)
  }
}
