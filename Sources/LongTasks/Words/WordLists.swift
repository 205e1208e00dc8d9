/// The words that the tasks draw from.
///
/// Samples depend on the order of the words: a change gives other samples for the same seed.
enum WordLists {
  /// Things, for keys, lists and filler sentences.
  static let nouns = words(
    """
    account acorn actor airport album alley almond angle ankle answer apron arena armchair arrow
    artist atlas attic author autumn award badge bakery balcony balloon banana banner barn baron
    basin basket bathtub battery beach beacon bean beard beaver bedroom beetle belt bench
    bicycle blanket blossom board bonfire bonnet border bottle boulder bowl bracket branch bread
    breeze brick bridge broom brush bucket buffalo builder bundle butter button cabbage cabin
    cactus cafe calendar camera canal candle canoe canvas captain carpet carrot cart castle cat
    cattle cave ceiling cellar cello chain chair chalk chapel chapter cheese cherry chess
    chimney cider circle citizen clay cliff climate clinic cloak clock clover coach coast coat
    coffee collar college comb comet concert copper coral corn corner cottage cotton counter
    cousin crab cradle crane crayon creek cricket crown crystal cup cupboard curtain cushion
    cyclist dairy dancer dawn deck deer desert desk diary dinner dock doctor dolphin donkey door
    dragon drawer dress driver drum duck dust eagle easel editor elbow elephant elevator elm
    engine engineer envelope fabric factory falcon farmer feast feather fence ferry festival
    field finger fisher flag flame flood floor flour flower flute forest fork fossil fountain
    fox frame fruit furnace gallery garage garden garlic gate giant ginger glacier glove goat
    goose gorge grain granite grape grass gravel guest guitar gull hallway hammer harbor harvest
    hat hawk hay hazel hedge helmet herb heron hill hinge honey hood hook horizon horse hotel
    hunter ice inn insect island ivory jacket jar jewel journal judge jungle kettle key kitchen
    kite kitten knight ladder lake lamb lamp lane lawn lawyer leaf leather lemon letter library
    light lily lime lizard loaf lobby locket lumber machine magnet mango map maple marble market
    marsh mask meadow melon merchant meteor mill miner mirror mist model monkey moon morning
    moss moth motor mountain mouse mule museum mushroom napkin needle nest net novel nurse oak
    oasis ocean office olive onion orchard organ otter oven owl oyster paddle painter palace
    panda paper parade park parrot path peach pear pebble pencil pepper photo piano pickle
    pigeon pillow pilot pine pirate pitcher planet plate plum poem poet pond pony porch potato
    pottery prairie prince puppet puzzle rabbit radio raft railway rain raven recipe reef ribbon
    rice ridge ring river road robin rocket roof room rope rose sail salad salmon salt sand
    scarf school scissors sculptor shadow sheep shelf shell shepherd ship shirt shoe shop shovel
    signal singer sister sketch sled slope smith snow soap soldier song soup sparrow spice
    spider spoon squirrel stable stadium stage stair stamp star statue stone storm stove
    stranger straw street string student sugar suit summer sunrise swan sweater swimmer table
    tailor teacher tent theater thread throne tiger timber tomato torch towel tower town trail
    train traveler tree trumpet tulip tunnel turkey turtle uncle valley vase village vine violin
    visitor volcano wagon waiter wall walrus watch water weaver well whale wheat wheel whistle
    window winter wolf wool writer yard zebra
    """)
  /// Qualities, for keys, lists and filler sentences.
  static let adjectives = words(
    """
    able active aged agile airy alert ancient anxious ardent awake aware bare basic bitter black
    blank bland blue blunt bold bony brave brief bright brisk broad broken brown bulky busy calm
    careful careless cheap cheerful clean clear clever cloudy clumsy coarse cold common complex
    cool costly cozy crisp cruel curious curly damp daring dark decent deep dense dim distant
    dry dull dusty eager early earnest easy elegant empty equal exact faint fair faithful famous
    fancy fast fearless fierce fine firm flat foggy formal fragile frank free fresh friendly
    frosty full funny gentle giddy glad gloomy golden good grand grateful gray greedy green grim
    handy happy hard harsh hasty heavy hidden high hollow honest huge humble hungry icy idle
    jolly keen kind large late lazy lean light little lively lonely long loose loud lovely loyal
    lucky mellow merry mighty mild modern modest moist muddy murky narrow nervous neat new noble
    noisy odd old orange pale patient peculiar plain playful polite poor proud pure purple quick
    quiet rapid rare raw ready red remote rich rigid rough round rusty sandy scarce secret
    serious shallow sharp shiny short shy silent silly silver simple sleepy slender slim slow
    small smart smooth soft solid sour spare special spicy stale steady steep sticky stiff
    strange strict strong sturdy sudden sunny sweet swift tall tame tart tender thick thin
    thirsty tidy tight tiny tough tricky true upset useful vague vast vivid warm wary weak weary
    wet white whole wicked wide wild windy wise witty yellow young zesty
    """)
  /// Actions in the past tense, for lists and filler sentences.
  static let verbs = words(
    """
    admired avoided balanced borrowed bought brought built carried chased cleaned climbed
    collected counted covered crossed decorated delivered described dragged drew dropped emptied
    examined fetched filled fixed followed forgot found gathered guarded handed heard held
    helped ignored inspected joined kept kicked knew left lifted liked lost loved made measured
    mended missed moved needed noticed offered opened packed painted passed picked placed
    planted polished praised pulled pushed reached recognized remembered removed repaired
    replaced returned saved saw shared showed sketched sold sorted spotted stored studied swept
    tested thanked threw touched traded trusted turned visited wanted warmed washed watched
    welcomed wrapped
    """)
  /// Words that are due in the blocks of a list. No other list and no prompt has them.
  static let codes = words(
    """
    abacus alchemy amulet anvil argon armada asteroid avocado axiom ballad bamboo basalt bayou
    bison bobsled bonsai bravado bronze buoy cadenza cameo cascade cedar cipher citadel clarinet
    cobalt compass condor cosmos cypress dahlia delta domino dynamo ebony eclipse ember enigma
    fennel fjord galaxy gazelle geyser gondola harp hexagon hibiscus igloo indigo jaguar jasmine
    juniper kayak koala lagoon lantern lilac lotus lynx magenta mandolin meridian mosaic nebula
    nectar nomad nutmeg obelisk onyx opal orchid origami oxide papaya pelican phoenix pinnacle
    plasma prism quartz quasar quiver rhubarb saffron sapphire saxophone scepter sequoia silo
    sonata sphinx tango tapestry tarot topaz trident tundra turbine umbrella unicorn velvet
    vortex walnut yodel zenith zephyr
    """)
  /// Towns, for the needle alone.
  static let towns = words(
    """
    Aldermoor Ashwick Barrowby Belcombe Birchester Brackenford Calderby Clarendale Corvane
    Dunmere Eastleigh Elmstead Fallowmere Fernhurst Glenbury Grimsdale Harrowgate Havenmoor
    Hollinford Ironbridge Kestrelby Kingsmead Larchdale Lindenhall Marlowe Mistleford Northwick
    Oakhampton Pendlebury Quarrydale Ravenscar Redbourne Saltmarsh Selwick Stonehaven Thornbury
    Tillingham Underhill Vexford Wexcombe Whitmore Windermoor Yarrowby
    """)

  /// Single words for lists whose words are counted: sorted, without repetitions.
  static let singles = Array(Set(nouns + adjectives + verbs)).sorted()

  private static func words(_ text: String) -> [String] {
    text.split { $0.isWhitespace }.map { String($0) }
  }
}
