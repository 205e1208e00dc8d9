import Evaluation
import Foundation
import KVPolicyKit
import KVPolicyTesting
import Policies
import TestSupport
import Testing
import Training

@testable import WriteAPolicy

@Suite("The documentation is true")
struct DocumentationTests {
  static let registry = PolicyRegistry.all.adding(EveryOther.self)
    .adding(LeastRecentlyAttended.self).adding(score: EvenPositions.self)

  @Test("there is documentation to check")
  func something() {
    #expect(CodeBlock.all("swift").count >= 5)
    #expect(CodeBlock.all("json").count >= PolicyRegistry.all.names.count - 1)
    #expect(CodeBlock.all("sh").count >= 3)
    #expect(Repository.markdown.contains("docs/performance.md"))
  }

  @Test(
    "Swift in the text is part of a file that is compiled",
    arguments: CodeBlock.all("swift").filter { !$0.isManifest })
  func swift(_ block: CodeBlock) {
    let wanted = Self.lines(block.lines.joined(separator: "\n")).filter {
      !$0.hasPrefix("import ")
    }
    #expect(
      Self.sources.contains { Self.contains($0, wanted) },
      "write it in a file of Examples or Tests/ExampleTests/Snippets and copy it from there")
  }

  @Test(
    "a manifest in the text names products that there are",
    arguments: CodeBlock.all("swift").filter(\.isManifest))
  func manifest(_ block: CodeBlock) throws {
    let package = try Repository.text("Package.swift")
    let products = block.lines.joined().matches(of: /\.product\(name: "(\w+)"/).map(\.1)
    #expect(!products.isEmpty)
    for product in products { #expect(package.contains(".library(name: \"\(product)\"")) }
    #expect(package.contains("swift-tools-version: 6.3"))
  }

  /// The lines of every Swift file.
  private static let sources = Repository.swift.map {
    lines((try? Repository.text($0)) ?? "")
  }

  /// Lines without indentation and without empty ones.
  private static func lines(_ text: String) -> [String] {
    text.components(separatedBy: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
      .filter { !$0.isEmpty }
  }

  private static func contains(_ lines: [String], _ wanted: [String]) -> Bool {
    guard let first = wanted.first else { return false }
    return lines.indices.contains { start in
      lines[start] == first && lines[start...].starts(with: wanted)
    }
  }

  @Test(
    "JSON in the text is a configuration that makes policies, a recipe or a plan of a sweep",
    arguments: CodeBlock.all("json").filter { !$0.isAbbreviated })
  func json(_ block: CodeBlock) throws {
    let text = block.lines.joined(separator: "\n")
    guard !text.contains("\"stages\"") else {
      _ = try TrainingRecipe(parsing: text)
      return
    }
    guard !text.contains("\"tasks\"") else {
      _ = try SweepPlan(parsing: text) { SweepText(file: $0) }
      return
    }
    let shape = CacheShape(layers: 30, keyHeads: 3, queryHeads: 9, headDimension: 64)
    let configuration = try PolicyConfiguration(parsing: text)
    var registry = Self.registry
    registry.artifacts = RandomArtifacts(shape)
    _ = try configuration.makePolicies(registry, shape: shape)
  }

  /// The functions of every Swift file, with their argument labels.
  private static let functions = Repository.swift.reduce(into: Set<String>()) { names, path in
    names.formUnion(FunctionNames.declared(in: (try? Repository.text(path)) ?? ""))
  }

  @Test("every function named in an article exists", arguments: Repository.markdown)
  func functions(_ path: String) throws {
    for name in FunctionNames.mentioned(in: try Repository.text(path)) {
      let exists = Self.functions.contains(name)
      #expect(exists, "no function \(name)")
    }
  }

  @Test("every file named in an article exists", arguments: Repository.markdown)
  func files(_ path: String) throws {
    for name in try Repository.text(path).codeVoice {
      if name.hasSuffix(".swift"), name != "Package.swift" {
        #expect(Repository.swift.contains { ("/" + $0).hasSuffix("/" + name) }, "no file \(name)")
      } else if ["Sources/", "Tests/", "Examples/", "Scripts/", "docs/", ".ci/"].contains(
        where: name.hasPrefix), !name.contains(where: { " *<{".contains($0) })
      {
        let file = Repository.root.appending(path: name).path()
        #expect(FileManager.default.fileExists(atPath: file), "no file \(name)")
      }
    }
  }
}

@Suite("Every policy has its page")
struct PolicyPageTests {
  static let headings = [
    "## Idea", "## Settings", "## What it decides", "## What it keeps",
    "## Where it differs from the paper", "## Where it differs from the official code",
  ]

  /// The type that a policy's page is named after: its own, or that of its score, reader or codec.
  private func symbol(_ name: String) throws -> String {
    let type = "\(try PolicyRegistry.all.type(named: name))"
    let part = type.firstMatch(of: /(?:Scored|Reader|Codec)Policy<(\w+)>/)?.1
    return part.map { String($0) } ?? type
  }

  /// The file of a policy's page.
  private func file(_ name: String) throws -> String {
    "Sources/Policies/Policies.docc/\(try symbol(name)).md"
  }

  /// The page of a policy.
  private func page(_ name: String) throws -> String { try Repository.text(try file(name)) }

  @Test("with the same headings in the same order", arguments: PolicyRegistry.all.names)
  func headings(_ name: String) throws {
    let page = try page(name)
    #expect(page.hasPrefix("# ``Policies/\(try symbol(name))``\n"))
    #expect(page.components(separatedBy: "\n").filter { $0.hasPrefix("## ") } == Self.headings)
  }

  @Test("whose table is what the policy says of its settings", arguments: PolicyRegistry.all.names)
  func settings(_ name: String) throws {
    let entries = try PolicyRegistry.all.settings(of: name)
    let rows = entries.map {
      "| `\($0.name)` | `\($0.standard.text)` | \($0.legal) | \($0.meaning) |"
    }
    let head = ["| Setting | Default | Legal | Meaning |", "| --- | --- | --- | --- |"]
    let page = try page(name)
    let section = page.components(separatedBy: "## Settings\n").last?
      .components(separatedBy: "\n## ").first
    let table = section?.components(separatedBy: "\n").filter { $0.hasPrefix("|") }
    #expect(table == (rows.isEmpty ? [] : head + rows))
  }

  /// To update the pictures after a change: `KVPOLICY_UPDATE_SNAPSHOTS=1 swift test --filter
  /// PolicyPageTests`.
  @Test(
    "whose picture is what the policy keeps under the configuration above it",
    arguments: PolicyRegistry.all.names)
  func picture(_ name: String) throws {
    let page = try page(name)
    let section = try #require(
      page.firstMatch(of: /## What it keeps\n(?:.|\n)*?(?=\n## )/)?.output)
    let blocks = CodeBlock.blocks(of: String(section), file: try file(name))
    try #require(blocks.map(\.language) == ["json", ""])
    let (settings, drawn) = (blocks[0].lines.joined(separator: "\n"), blocks[1].lines)
    let policies = try PolicyConfiguration(parsing: settings)
      .makePolicies(
        .tried(on: Exhibit.attention.shape), shape: Exhibit.attention.shape)
    let picture = try Exhibit.picture(of: policies.policies[0])
    if ProcessInfo.processInfo.environment["KVPOLICY_UPDATE_SNAPSHOTS"] == "1" {
      let renewed = section.replacing(
        drawn.joined(separator: "\n") + "\n```", with: picture + "\n```")
      try Data(page.replacing(section, with: renewed).utf8)
        .write(to: Repository.root.appending(path: try file(name)))
    } else {
      #expect(picture == drawn.joined(separator: "\n"))
    }
  }

  @Test("and its line in the overview", arguments: PolicyRegistry.all.names)
  func overview(_ name: String) throws {
    let overview = try Repository.text("Sources/Policies/Policies.docc/Policies.md")
    #expect(overview.contains("| `\(name)` |"))
    #expect(overview.contains("- ``\(try symbol(name))``"))
  }
}
