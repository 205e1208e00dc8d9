import KVPolicyKit

/// Filler text without end, from a small grammar: sentences as in an essay about everyday things.
struct Essay {
  private var random: SplitMix64

  init(_ random: SplitMix64) { self.random = random }

  /// The next `count` sentences.
  mutating func sentences(_ count: Int) -> [String] { (0..<count).map { _ in sentence() } }

  /// The next sentences, joined, with at least `count` words.
  mutating func words(_ count: Int) -> String {
    var (text, words) = ("", 0)
    while words < count {
      let sentence = sentence()
      words += sentence.split(separator: " ").count
      text += (text.isEmpty ? "" : " ") + sentence
    }
    return text
  }

  /// The next sentence; it ends with a full stop and has no other.
  mutating func sentence() -> String {
    switch random.draw(0...11) {
    case 0: "The \(quality) \(thing) \(action) the \(thing) \(place)."
    case 1: "\(time), the \(person) \(action) \(indefinite) \(thing)."
    case 2: "Nobody \(place) knew why the \(thing) looked so \(quality)."
    case 3: "No \(thing) is \(quality) when the \(thing) is \(quality)."
    case 4: "It takes \(indefinite) \(thing) to make people care about the \(thing)."
    case 5: "Some prefer the \(thing), others the \(thing), and both have \(quality) reasons."
    case 6: "The \(person) said that every \(thing) was once \(quality)."
    case 7: "\(time), we \(action) the \(thing) and spoke about the \(thing)."
    case 8: "If the \(thing) were less \(quality), the \(person) would have \(thought)."
    case 9: "There was \(indefinite) \(thing) \(place), and nobody minded."
    case 10: "I have \(thought) about the \(quality) \(thing) more than about any \(thing)."
    default: "The \(person) \(action) the \(thing) because it seemed \(quality)."
    }
  }

  private var thing: String { mutating get { random.draw(from: WordLists.nouns) } }
  private var quality: String { mutating get { random.draw(from: WordLists.adjectives) } }
  private var action: String { mutating get { random.draw(from: WordLists.verbs) } }
  private var person: String { mutating get { random.draw(from: Essay.people) } }
  private var place: String { mutating get { random.draw(from: Essay.places) } }
  private var time: String { mutating get { random.draw(from: Essay.times) } }
  private var thought: String { mutating get { random.draw(from: Essay.thoughts) } }

  /// A quality with its article.
  private var indefinite: String {
    mutating get {
      let quality = quality
      return (quality.first.map { "aeiou".contains($0) } == true ? "an " : "a ") + quality
    }
  }

  private static let people = [
    "neighbor", "clerk", "gardener", "carpenter", "grandmother", "apprentice", "mayor", "porter",
    "cook", "landlord", "printer", "reporter", "janitor", "sailor", "musician", "child",
  ]
  private static let places = [
    "near the station", "behind the church", "in the old quarter", "by the shore", "at the fair",
    "on the hillside", "across the square", "in the back room", "under the arches",
    "beside the canal", "in our street", "outside the walls",
  ]
  private static let times = [
    "In the evening", "Last spring", "Before noon", "Every year", "One day", "After the rain",
    "At first", "Long ago", "On weekdays", "Towards the end", "That night", "In those days",
  ]
  private static let thoughts = [
    "wondered", "written", "laughed", "complained", "thought", "argued", "talked", "worried",
  ]
}

/// Filler text that repeats five short sentences, a line each time.
enum Noise {
  /// The line.
  static let line =
    "The hill is steep. The wind is mild. The path is long. We walk up. Then we walk back down."
}
