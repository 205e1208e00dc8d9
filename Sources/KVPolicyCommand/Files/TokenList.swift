import KVPolicyKit

/// Lists of tokens as JSON.
enum TokenList {
  /// The tokens of an array of integers, or nil for any other value.
  static func tokens(_ value: JSONValue?) -> [Int]? {
    guard case .array(let values)? = value else { return nil }
    var tokens: [Int] = []
    for value in values {
      guard let token = value.wholeNumber else { return nil }
      tokens.append(token)
    }
    return tokens
  }

  /// The tokens of a file, which holds an array, or an object with an array under "tokens".
  static func tokens(of file: InputFile) throws(CommandError) -> [Int] {
    let value = try json(of: file)
    let list = if case .object(let members) = value { members["tokens"] } else { value }
    guard let tokens = tokens(list) else {
      throw .failure(
        "\(file.path): it must be a JSON array of tokens, or an object with such an array under "
          + "\"tokens\"")
    }
    return tokens
  }

  /// The JSON value in a file.
  static func json(of file: InputFile) throws(CommandError) -> JSONValue {
    let text = try file.text()
    do throws(JSONError) {
      return try JSONValue.parse(text)
    } catch {
      throw .failure("\(file.path): it is not valid JSON: \(error)")
    }
  }
}
