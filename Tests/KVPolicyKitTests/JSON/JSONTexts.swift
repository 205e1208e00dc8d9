/// Texts after the cases of JSONTestSuite (Seriot, "Parsing JSON is a Minefield"), by kind.
enum JSONTexts {
  /// Legal texts, and the text that their value is written as.
  static let legal: [(String, String)] = [
    // Structure.
    ("null", "null"), ("true", "true"), ("false", "false"), (#""""#, #""""#), (" 4 ", "4"),
    ("[]", "[]"), ("{}", "{}"), ("[[] ]", "[[]]"), ("[null]", "[null]"), (" [1]", "[1]"),
    ("[1\n]", "[1]"), ("[2] ", "[2]"), ("[1,null,null,null,2]", "[1,null,null,null,2]"),
    ("\t[\r\n1 ,\t2 ]\n", "[1,2]"), (#"{"a":[]}"#, #"{"a":[]}"#), (#"{"":0}"#, #"{"":0}"#),
    (#"{"a":"b","c":"d"}"#, #"{"a":"b","c":"d"}"#), (#"{"a" : {"a":1}}"#, #"{"a":{"a":1}}"#),
    (#"{"b":1,"a":2}"#, #"{"a":2,"b":1}"#), ("{\n\"a\": true\n}", #"{"a":true}"#),
    // Numbers.
    ("0", "0"), ("-0", "0"), ("-0.0", "0"), ("0e1", "0"), ("0e+1", "0"), ("1E22", "1e+22"),
    ("1e-2", "0.01"), ("1E-2", "0.01"), ("1.5", "1.5"), ("-1", "-1"), ("-123", "-123"),
    ("20e1", "200"), ("123.456e78", "1.23456e+80"), ("1e308", "1e+308"), ("1e-400", "0"),
    ("0.1", "0.1"), ("123.456789", "123.456789"), ("5e-324", "5e-324"),
    ("9007199254740993", "9007199254740993"), ("9223372036854775807", "9223372036854775807"),
    ("-9223372036854775808", "-9223372036854775808"),
    ("9223372036854775808", "9.223372036854776e+18"),
    ("18446744073709551616", "1.8446744073709552e+19"),
    ("0.3000000000000000444089209850062616169452667236328125", "0.30000000000000004"),
    // Texts.
    (#""\"\\\/\b\f\n\r\t""#, #""\"\\/\b\f\n\r\t""#), (#""\u0060\u012a\u12AB""#, "\"`Īካ\""),
    (#""\u0000""#, #""\u0000""#), (#""\u001f""#, #""\u001f""#), (#""\uD801\udc37""#, "\"𐐷\""),
    (#""\ud83d\ude39\ud83d\udc8d""#, "\"😹💍\""), (#""\uFFFF""#, "\"\u{FFFF}\""),
    ("\"€𝄞\"", "\"€𝄞\""), ("\"\u{7F}\"", "\"\u{7F}\""), ("\"\u{2028}\"", "\"\u{2028}\""),
    ("\"\u{FEFF}\"", "\"\u{FEFF}\""), (#""\\u0041""#, #""\\u0041""#),
    (#""a/*b*/c""#, #""a/*b*/c""#),
    (#"{"\u0061":1,"A":2}"#, #"{"A":2,"a":1}"#), (#"["\u0022"]"#, #"["\""]"#),
  ]

  /// Illegal texts: the line and column of the mistake, and words of the message.
  static let illegal: [(String, line: Int, column: Int, String)] = [
    // Structure.
    ("", 1, 1, "ends too soon"), (" \n ", 2, 2, "ends too soon"), ("[", 1, 2, "ends too soon"),
    ("{", 1, 2, "needs a key"), ("[1", 1, 3, "a list is not closed"),
    (#"{"a":1"#, 1, 7, "an object is not closed"), (#"{"a":"#, 1, 6, "ends too soon"),
    (#"{"a""#, 1, 5, "the key 'a' needs a colon"), (#"{"a" 1}"#, 1, 6, "needs a colon"),
    ("[1,]", 1, 4, "no comma may follow its last value"), ("[,1]", 1, 2, "cannot begin with ','"),
    ("[1,,2]", 1, 4, "cannot begin with ','"), ("[1 2]", 1, 4, "',' or ']' must follow"),
    ("[1:2]", 1, 3, "a list is not closed"), ("[1}", 1, 3, "a list is not closed"),
    (#"{"a":1,}"#, 1, 8, "no comma may follow"), (#"{"a":1 "b":2}"#, 1, 8, "',' or '}'"),
    (#"{,"a":1}"#, 1, 2, "needs a key"), ("{1:1}", 1, 2, "needs a key"),
    ("{'a':1}", 1, 2, "needs a key"), ("{a:1}", 1, 2, "needs a key"), ("['a']", 1, 2, "with '''"),
    ("[1]]", 1, 4, "something follows"), ("1 2", 1, 3, "something follows"),
    ("{}\u{0}", 1, 3, "something follows"), ("[\u{C}1]", 1, 2, "byte 12"),
    ("[\u{A0}]", 1, 2, "byte 194"), ("\u{2060}[]", 1, 1, "byte 226"),
    ("\u{FEFF}[]", 1, 1, "byte order mark"), ("<null>", 1, 1, "cannot begin with '<'"),
    ("*", 1, 1, "cannot begin with '*'"), ("]", 1, 1, "cannot begin with ']'"),
    // Equal keys.
    (#"{"a":1,"a":1}"#, 1, 8, "the key 'a' appears twice"),
    (#"{"a":1,"\u0061":2}"#, 1, 8, "the key 'a' appears twice"),
    ("{\"a\":\n{\"b\":1,\n \"b\":2}}", 3, 2, "the key 'b' appears twice"),
    (#"[{"\u001b[2J":1,"\u001b[2J":1}]"#, 1, 17, #"the key '\u001b[2J' appears twice"#),
    // Comments.
    ("[1] // one", 1, 5, "no comments"), ("/* one */ 1", 1, 1, "no comments"),
    ("[1 /* one */]", 1, 4, "no comments"), ("{# one\n}", 1, 2, "no comments"),
    // Words.
    ("nul", 1, 1, "unknown word"), ("tru", 1, 1, "unknown word"), ("[fals]", 1, 2, "unknown word"),
    ("True", 1, 1, "cannot begin with 'T'"), ("NaN", 1, 1, "NaN and Infinity are not JSON"),
    ("Infinity", 1, 1, "not JSON"), ("-Infinity", 1, 2, "needs a digit"), ("nan", 1, 1, "unknown"),
    // Numbers.
    ("-", 1, 2, "needs a digit"), ("+1", 1, 1, "cannot begin with '+'"), (".5", 1, 1, "with '.'"),
    ("1.", 1, 3, "needs a digit"), ("1.e1", 1, 3, "needs a digit"), ("1e", 1, 3, "needs a digit"),
    ("1e+", 1, 4, "needs a digit"), ("[-a]", 1, 3, "needs a digit"), ("--1", 1, 2, "a digit"),
    ("012", 1, 1, "leading zero"), ("-01", 1, 1, "leading zero"), ("0x10", 1, 2, "follows"),
    ("1_000", 1, 2, "follows"), ("1 000", 1, 3, "follows"), ("[1a]", 1, 3, "not closed"),
    ("1e400", 1, 1, "too large"), ("[0,\n-1e400]", 2, 1, "too large"), ("１", 1, 1, "byte 239"),
    // Texts.
    (#"""#, 1, 1, "not closed"), (#"["a]"#, 1, 2, "not closed"), (#""\"#, 1, 2, "unknown escape"),
    (#""\x41""#, 1, 2, "unknown escape"), (#""é\a""#, 1, 3, "unknown escape"),
    (#""\u12""#, 1, 6, "four hexadecimal digits"), (#""\u123g""#, 1, 7, "four hexadecimal"),
    (#""\u１２３４""#, 1, 4, "four hexadecimal"), (#""\U0041""#, 1, 2, "unknown escape"),
    (#""\ud800""#, 1, 2, "half a surrogate pair"), (#""\udc00""#, 1, 2, "half a surrogate"),
    (#""\ud800\n""#, 1, 2, "half a surrogate"), (#""\ud800\u0041""#, 1, 2, "half a surrogate"),
    (#""\ud800\ud800""#, 1, 2, "half a surrogate"), (#""\ud800abc""#, 1, 2, "half a surrogate"),
    ("\"a\nb\"", 1, 3, "control character"), ("\"\t\"", 1, 2, "control character"),
    ("\r\n\r\"\u{1F}\"", 3, 2, "control character"), ("\"\u{0}\"", 1, 2, "control character"),
  ]

  /// Bytes that are not UTF-8, in or beside a text.
  static let notUTF8: [([UInt8], column: Int)] = [
    ([0x22, 0xFF, 0x22], 2), ([0x22, 0xC3, 0x22], 2), ([0x22, 0x80, 0x22], 2),
    // An overlong slash, half a surrogate pair, and a scalar beyond the last one.
    ([0x22, 0xC0, 0xAF, 0x22], 2), ([0x22, 0xED, 0xA0, 0x80, 0x22], 2),
    ([0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], 2),
    // After an escape and a scalar of three bytes.
    ([0x22, 0x5C, 0x6E, 0xE2, 0x82, 0xAC, 0xE9, 0x22], 5), ([0x5B, 0xFF, 0x5D], 2), ([0xE5], 1),
  ]
}
