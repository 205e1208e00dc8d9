/// The default text of a comparison.
///
/// A story written for this purpose. Its second half asks for names, numbers and objects of the
/// first half, so a cache that forgot them predicts the second half worse.
public enum BuiltInText {
  /// The text's name in results.
  public static let name = "built-in"

  /// The story. About 1500 words.
  public static let story = """
    The lighthouse on Corran Point had two keepers in the winter of 1911, and they did not like each \
    other. Ebba Lindqvist, the elder, had come from the north with a brass barometer, a crate of forty \
    candles and a grey cat called Admiral. Tomas Reyes, who was twenty-three, had come from the south \
    with a violin and nothing else. The harbour board paid Ebba nine crowns a week and Tomas seven, and \
    each believed the other was paid too much.

    Their orders hung on a nail inside the door. The lamp was to be lit at sunset and put out at sunrise. \
    It turned once every twelve seconds, and it was wound by hand every four hours, with a crank that \
    needed ninety turns. In fog the bell was to be rung twice a minute. Oil came by boat on the first \
    Monday of the month, six barrels at a time, and it was stored in the low stone shed on the eastern \
    side of the rock, as far from the kitchen stove as the rock allowed. The key to the shed was painted \
    red so that nobody would mistake it for the key to the tower, which was plain iron.

    Ebba kept the log. She wrote it in a green book with a pencil sharpened by a fishing knife, and she \
    wrote down everything: the wind, the glass, the ships, the price of the potatoes, the day on which \
    Admiral caught a gull nearly as large as himself. Tomas did not read the log. He said that a person \
    who writes down the weather has missed it. In the evenings he played the violin on the gallery outside \
    the lamp room, always the same slow waltz, which his mother had taught him, and which had no name. Ebba \
    said that it frightened the fish. But she noticed that she began to wind the lamp in time with it.

    On the third of December the mail boat Perseverance brought a letter for Tomas. It was from his sister \
    Inés, who lived in the city of Velda and was to be married on the twentieth of January to a clockmaker \
    named Anselm Brandt. She asked him to come and play the waltz. Tomas read the letter four times. Then he \
    put it into the case of the violin, under the velvet, and said nothing about it to anyone. There was no \
    boat in January. Everybody knew that; after the new year the ice closed the sound until the middle of \
    March, and the only way to the mainland was on foot, eleven miles over the ice, past the three small \
    islands that the fishermen called the Sisters.

    Ebba found the letter all the same. She was looking for rosin, because the crank had begun to slip in \
    her hands. She did not mean to read it, and she read it. She put it back under the velvet exactly as it \
    had been, and that night, in the green book, below the wind and the glass, she wrote: "T. has a sister. \
    Wedding on the twentieth. He will try to walk." Then she rubbed out the last four words, so that only a \
    grey smear remained of them.

    The ice came early. By Christmas the sound was white from shore to shore, and by the sixth of January it \
    would carry a horse. The barometer stood high and steady. Tomas began to go down to the edge after \
    breakfast and stamp on the ice with his boots, and look towards the Sisters, and come back. He oiled his \
    boots. He asked, as if it did not matter, how long one candle burned. "Five hours," said Ebba, "if there \
    is no draught. In a lantern, six." He nodded. He did not ask why she had counted.

    On the evening of the seventeenth she put a rucksack on the kitchen table. In it were bread, a piece of \
    hard cheese, a flask of tea, a lantern, and eight of the candles that she had brought from the north. \
    Beside it lay the compass from the boat. "You will leave at four in the morning," she said, "and you will \
    keep the Sisters on your left hand, all three of them, for the ice on the other side is rotten where the \
    current runs. I shall wind the lamp and ring the bell. I did it alone for two winters before they sent me \
    a musician." Tomas looked at the rucksack for a long time. Then he asked how she had known, and she said \
    that a person who does not write things down should at least learn to hide them.

    He left at four. She watched the lantern from the gallery until it was smaller than a star, and then she \
    watched the place where it had been. At noon the glass began to fall. She had never seen it fall so fast. \
    At two it started to snow, and by three she could not see the shed from the tower. She lit the lamp three \
    hours before sunset, against the orders that hung on the nail, and wrote the time in the log. She rang the \
    bell, not twice a minute, but six times. Every four hours she gave the crank its ninety turns, and since \
    nobody was there to play the waltz she hummed it, badly, to keep the time.

    Tomas had passed the second of the islands when the snow came. He could not see his own hands. He stood \
    still, as his mother had taught him to do when he was lost, and listened. For a while there was nothing; \
    and then, behind him and far away, there was a bell, six strokes to the minute, much too fast for any \
    rule. He kept the sound at his back and walked. When the wind took the bell away he stopped, and when it \
    brought it back he went on. After the fourth candle he found the rocks of the third island with his knees. \
    After the sixth he smelled the smoke of the mainland. He had two candles left.

    The wedding in Velda was held on the twentieth, as the letter had said. Inés wore their mother's dress. \
    The clockmaker, Anselm Brandt, turned out to be a small, serious man with ink on his cuffs, who asked \
    Tomas at once how long the lamp at Corran Point took to go round. "Twelve seconds," said Tomas. "And who \
    winds it?" asked the clockmaker. "A woman who likes me better than I knew," said Tomas. And he took the \
    violin out of its case and played the waltz that had no name, and played it faster than he ever had, so \
    that the guests were quite out of breath.

    He came back in the middle of March, with the first boat through the ice. It was the Perseverance. He \
    carried the violin, the compass, and a heavy parcel wrapped in oilcloth. Admiral met him on the landing \
    and would not be picked up. Ebba was in the low stone shed, counting barrels; he could see from far off \
    that the red key was in the door. She said that he was thinner. She said that the board had written to ask \
    why so much oil had been burned on the eighteenth of January, and that she had answered that there had \
    been weather.

    In the parcel was a machine of brass and steel, no larger than a loaf, with a weight on a chain. Anselm had \
    built it in seven weeks. Hung below the lamp, it turned the lens by itself, once every twelve seconds, for \
    a whole day and night; nobody would have to turn the crank every four hours any more, ninety times, in the \
    cold. Ebba walked around it twice. She asked what it had cost, and Tomas told her that it was a present. \
    Then he gave her the two candles that were left of the eight, and she put them back into the crate with \
    the others, and took the green book from its shelf, and sharpened the pencil with the fishing knife.

    "Read it to me," said Tomas. "What you have written down. All of it, from the beginning." So she sat down \
    by the stove with the cat on her feet and read him the winter: the wind and the glass, the ships, the price \
    of the potatoes, the gull, the letter, and the smear of grey where four words had been. He asked her what \
    they were. She said that she had forgotten; and she wound nothing that night, and neither did he, and above \
    them the lamp went round.
    """
}
