/// One tag of a Jinja template, in a normal form so that equal meanings compare equal: quotes are
/// single, spaces stand only between names, and neighbouring texts of a sum are joined.
enum JinjaTag: Equatable {
  /// A term of a sum.
  enum Term: Equatable {
    case text(String)
    case code(String)
  }

  /// `{% … %}`
  case statement(String)
  /// `{{ … }}`, the sum of the terms.
  case output([Term])

  /// The text of an output that is a single text; nil for any other tag.
  var printedText: String? {
    guard case .output(let terms) = self, terms.count == 1, case .text(let text) = terms[0] else {
      return nil
    }
    return text
  }

  /// The tags of `template`; nil if the template has text outside tags or an unknown form.
  ///
  /// A newline after a statement is not output, as in the environment these templates are written
  /// for (Jinja's `trim_blocks`). White space beside a tag is not output if the tag has a minus on
  /// that side.
  static func tags(of template: String) -> [JinjaTag]? {
    var scanner = JinjaScanner(template)
    return scanner.tags()
  }
}

/// Reads tags from the scalars of a template.
private struct JinjaScanner {
  private let scalars: [Unicode.Scalar]
  private var index = 0

  init(_ template: String) { scalars = Array(template.unicodeScalars) }

  mutating func tags() -> [JinjaTag]? {
    var tags: [JinjaTag] = []
    skipSpace(whole: false)
    while index < scalars.count {
      let isStatement = accept("{%")
      guard isStatement || accept("{{") else { return nil }
      _ = accept("-")
      guard let words = words(), let tag = tag(words, isStatement: isStatement) else { return nil }
      let strips = accept("-")
      guard accept(isStatement ? "%}" : "}}") else { return nil }
      tags.append(tag)
      if strips { skipSpace(whole: true) } else { skipSpace(whole: false, newline: isStatement) }
    }
    return tags
  }

  /// Skips white space that is not output. `whole`: the previous tag ends with a minus, so all
  /// white space is skipped. Otherwise all of it is skipped if the next tag starts with a minus;
  /// else only a newline directly after a statement is skipped, with `newline`.
  private mutating func skipSpace(whole: Bool, newline: Bool = false) {
    var stop = index
    while stop < scalars.count, scalars[stop].properties.isWhitespace { stop += 1 }
    let next = scalars[stop...].prefix(3)
    if whole || next.elementsEqual("{%-".unicodeScalars) || next.elementsEqual("{{-".unicodeScalars)
    {
      index = stop
    } else if newline, index < scalars.count, scalars[index] == "\n" {
      index += 1
    }
  }

  /// Words, signs and texts up to the tag's end; a quote in front marks a text.
  private mutating func words() -> [String]? {
    var words: [String] = []
    while index < scalars.count {
      let scalar = scalars[index]
      if atEnd { return words }
      if scalar.properties.isWhitespace {
        index += 1
      } else if scalar == "'" || scalar == "\"" {
        guard let text = quoted(by: scalar) else { return nil }
        words.append("'" + text)
      } else if isWordScalar(scalar) {
        var word = ""
        while index < scalars.count, isWordScalar(scalars[index]) {
          word.unicodeScalars.append(scalars[index])
          index += 1
        }
        words.append(word)
      } else {
        words.append(accept("!=") ? "!=" : String(Character(scalar)))
        if words.last != "!=" { index += 1 }
      }
    }
    return nil
  }

  private mutating func quoted(by quote: Unicode.Scalar) -> String? {
    var text = String.UnicodeScalarView()
    index += 1
    while index < scalars.count {
      let scalar = scalars[index]
      index += 1
      if scalar == quote { return String(text) }
      guard scalar == "\\" else {
        text.append(scalar)
        continue
      }
      guard index < scalars.count else { return nil }
      switch scalars[index] {
      case "n": text.append("\n")
      case "'", "\"", "\\": text.append(scalars[index])
      default: return nil
      }
      index += 1
    }
    return nil
  }

  private func tag(_ words: [String], isStatement: Bool) -> JinjaTag? {
    guard !isStatement else { return .statement(JinjaScanner.joined(words)) }
    var terms: [JinjaTag.Term] = []
    for part in words.split(separator: "+", omittingEmptySubsequences: false) {
      guard let first = part.first else { return nil }
      if part.count == 1, first.unicodeScalars.first == "'" {
        let text = String(first.unicodeScalars.dropFirst())
        if case .text(let before)? = terms.last {
          terms[terms.count - 1] = .text(before + text)
        } else {
          terms.append(.text(text))
        }
      } else {
        let code = JinjaScanner.joined(Array(part))
        terms.append(.code(JinjaScanner.dotted[code] ?? code))
      }
    }
    return .output(terms)
  }

  /// Two spellings of a message's members, in dots and in brackets; brackets are the normal form.
  private static let dotted = [
    "message.role": "message['role']", "message.content": "message['content']",
  ]

  /// The words joined, with a space only between two names.
  private static func joined(_ words: [String]) -> String {
    var code = ""
    var isAfterName = false
    for word in words {
      let isText = word.unicodeScalars.first == "'"
      let isName = !isText && (word.unicodeScalars.first.map(isNameStart) ?? false)
      code += (isName && isAfterName ? " " : "") + word + (isText ? "'" : "")
      isAfterName = isName
    }
    return code
  }

  private static func isNameStart(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "_" || scalar.properties.isAlphabetic
  }

  private func isWordScalar(_ scalar: Unicode.Scalar) -> Bool {
    JinjaScanner.isNameStart(scalar) || scalar == "." || scalar.properties.numericType != nil
  }

  private var atEnd: Bool {
    let rest = scalars[index...].prefix(3)
    return ["%}", "}}", "-%}", "-}}"].contains { rest.starts(with: $0.unicodeScalars) }
  }

  private mutating func accept(_ text: String) -> Bool {
    guard scalars[index...].starts(with: text.unicodeScalars) else { return false }
    index += text.unicodeScalars.count
    return true
  }
}
