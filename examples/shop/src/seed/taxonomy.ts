import type { Art } from '../art.ts'

export interface Kind {
  readonly section: string
  readonly name: string
  readonly art: Art
  readonly nouns: readonly string[]
  readonly materials: readonly string[]
  /** What the middle product of the kind costs. */
  readonly cents: number
}

const kind = (section: string, name: string, art: Art, nouns: string, materials: string, cents: number): Kind => ({
  section,
  name,
  art,
  nouns: nouns.split(', '),
  materials: materials.split(', '),
  cents,
})

/** Everything the shop sells. */
export const kinds: readonly Kind[] = [
  kind(
    'Kitchen',
    'Mugs',
    'mug',
    'Mug, Espresso Cup, Breakfast Mug, Travel Mug',
    'Stoneware, Enamel, Porcelain, Speckled Clay',
    1_900,
  ),
  kind(
    'Kitchen',
    'Pans',
    'pan',
    'Frying Pan, Sauté Pan, Crêpe Pan, Skillet',
    'Cast Iron, Carbon Steel, Copper, Enamelled',
    7_900,
  ),
  kind(
    'Kitchen',
    'Knives',
    'knife',
    'Chef’s Knife, Bread Knife, Paring Knife, Santoku',
    'Damascus, Carbon Steel, Olive Wood, Walnut',
    8_900,
  ),
  kind(
    'Kitchen',
    'Teapots',
    'teapot',
    'Teapot, Kettle, Coffee Pot, Tea Set',
    'Stoneware, Cast Iron, Glass, Bone China',
    5_400,
  ),
  kind(
    'Living',
    'Lamps',
    'lamp',
    'Desk Lamp, Reading Lamp, Floor Lamp, Table Lamp',
    'Oak, Brass, Linen, Smoked Glass',
    12_900,
  ),
  kind('Living', 'Chairs', 'chair', 'Chair, Armchair, Rocking Chair, Stool', 'Oak, Ash, Rattan, Walnut', 24_900),
  kind(
    'Living',
    'Cushions',
    'cushion',
    'Cushion, Floor Cushion, Bolster, Seat Pad',
    'Linen, Wool, Velvet, Cotton',
    3_900,
  ),
  kind(
    'Living',
    'Vases',
    'vase',
    'Vase, Bud Vase, Carafe, Jug',
    'Stoneware, Terracotta, Blown Glass, Porcelain',
    4_400,
  ),
  kind(
    'Outdoors',
    'Tents',
    'tent',
    'Tent, Tarp, Bivouac, Family Tent',
    'Canvas, Ripstop, Alpine, Featherlight',
    34_900,
  ),
  kind(
    'Outdoors',
    'Backpacks',
    'backpack',
    'Backpack, Daypack, Rucksack, Trail Pack',
    'Waxed Canvas, Recycled, Leather, Rolltop',
    11_900,
  ),
  kind('Outdoors', 'Bottles', 'bottle', 'Bottle, Flask, Thermos, Canteen', 'Steel, Insulated, Enamel, Titanium', 3_200),
  kind(
    'Outdoors',
    'Lanterns',
    'lantern',
    'Lantern, Camp Light, Storm Lamp, Headlamp',
    'Brass, Folding, Solar, Galvanised',
    5_900,
  ),
  kind(
    'Clothing',
    'Shirts',
    'shirt',
    'Shirt, Overshirt, Tee, Work Shirt',
    'Organic Cotton, Linen, Flannel, Chambray',
    5_900,
  ),
  kind(
    'Clothing',
    'Jackets',
    'jacket',
    'Jacket, Rain Jacket, Parka, Fleece',
    'Waxed Cotton, Wool, Recycled, Quilted',
    18_900,
  ),
  kind('Clothing', 'Hats', 'hat', 'Beanie, Cap, Winter Hat, Watch Cap', 'Merino, Lambswool, Cashmere, Cotton', 2_900),
  kind(
    'Clothing',
    'Socks',
    'socks',
    'Socks, Hiking Socks, Knee Socks, Bed Socks',
    'Merino, Alpaca, Bamboo, Cotton',
    1_600,
  ),
  kind(
    'Sound',
    'Headphones',
    'headphones',
    'Headphones, Studio Headphones, Travel Headphones, Monitors',
    'Walnut, Aluminium, Wireless, Closed-Back',
    19_900,
  ),
  kind(
    'Sound',
    'Speakers',
    'speaker',
    'Speaker, Shelf Speaker, Radio, Soundbar',
    'Birch, Walnut, Portable, Fabric',
    24_900,
  ),
  kind(
    'Desk',
    'Keyboards',
    'keyboard',
    'Keyboard, Compact Keyboard, Number Pad, Split Keyboard',
    'Aluminium, Walnut, Mechanical, Quiet',
    12_900,
  ),
  kind('Desk', 'Watches', 'watch', 'Watch, Field Watch, Desk Clock, Timer', 'Steel, Titanium, Leather, Brass', 17_900),
  kind('Play', 'Blocks', 'blocks', 'Blocks, Building Set, Stacker, Marble Run', 'Beech, Maple, Painted, Cork', 3_400),
  kind('Play', 'Kites', 'kite', 'Kite, Stunt Kite, Box Kite, Windsock', 'Ripstop, Silk, Bamboo, Paper', 2_900),
  kind(
    'Play',
    'Puzzles',
    'puzzle',
    'Puzzle, Jigsaw, Brain Teaser, Map Puzzle',
    'Birch, Wooden, Cardboard, Magnetic',
    2_400,
  ),
  kind('Play', 'Trains', 'train', 'Train, Train Set, Locomotive, Wagon Set', 'Beech, Painted, Tin, Magnetic', 4_900),
]

export const brands: readonly string[] =
  'Norrby, Linden, Ostra, Kilnhouse, Fjord & Field, Maren, Saltgrass, Birk, Hollow Oak, Tide, Weaver’s Row, Alder, Morrow, Stenvik, Wrenfield, Amber Lane, Nordlys, Quarry, Lowland, Petrel, Juniper, Skagen Mill, Brae, Halden, Thistle, Cobble, Larkspur, Vinter, Elm Street, Moorland, Havn, Sorrel, Old Pier, Kestrel, Ember, Fenwick, Isla, Ravn, Tarn, Windrose'.split(
    ', ',
  )

export const series: readonly string[] =
  'Aske, Bruma, Calla, Dune, Eik, Fara, Gale, Holm, Ivar, Jori, Kelda, Lund, Mira, Nell, Oda, Pine, Quill, Runa, Sol, Tove, Una, Vega, Wick, Ylva, Zephyr'.split(
    ', ',
  )

/** Colours that go together: clay, ochre, moss, sage, sea, slate, plum, rose. */
export const hues: readonly number[] = [14, 26, 38, 78, 142, 168, 198, 212, 268, 338]

export const descriptions: readonly string[] = [
  'Made in small numbers by people who sign their work, and finished by hand.',
  'Light enough for every day, and sturdy enough to be handed on.',
  'The edges are softened, the weight is right, and it only gets better with use.',
  'Drawn in the north, tested in bad weather, and packed without plastic.',
  'A quiet piece that goes with everything and asks for nothing.',
  'Repairable for life: every part can be ordered, down to the last screw.',
  'Comes in a box you will want to keep, with a card that tells who made it.',
  'Warm in the hand, easy to clean, and at home in small rooms.',
]

/** By what they say of a product; the sentence after it goes with any of them. */
export const reviews: readonly (readonly [rating: number, title: string, body: string])[] = [
  [5, 'Better than the pictures', 'I have used it every day for a month, and it looks as it did when it came.'],
  [5, 'A gift that was kept', 'Bought for my sister, who does not like anything. She likes this.'],
  [5, 'Worth the wait', 'Delivery took a week, but what came out of the box is beautiful.'],
  [5, 'Handed round the table', 'Everybody who visits picks it up and asks where it is from.'],
  [5, 'My second one', 'The first went with my daughter when she moved out. That says it all.'],
  [5, 'Simple & right', 'Nothing to add, nothing to take away.'],
  [4, 'Nearly perfect', 'Very well made. One star less, as the colour is a little darker than on the screen.'],
  [4, 'Good and heavy', 'Feels like something my grandmother had. Takes some getting used to, in a good way.'],
  [4, 'Does what it should', 'No surprises, which is what I wanted. The instructions could be longer.'],
  [4, 'Good value', 'I compared it with one that costs twice as much & kept this.'],
  [3, 'Fine', 'It is fine. At this price I hoped for a bit more than fine.'],
  [3, 'Smaller than I thought', 'My mistake: the measurements are on the page. Check them before you order!'],
  [2, 'Came with a scratch', 'They replaced it within three days, but still.'],
  [1, 'Not for me', 'Sent back. The return was easy, at least.'],
]

export const afterthoughts: readonly string[] = [
  '',
  ' The packing was all paper, which I noticed.',
  ' I ordered on Sunday evening and had it on Tuesday.',
  ' The card with the maker’s name is a kind touch.',
  ' Would order from here again.',
  ' The smell of the workshop is still on it.',
  ' Customer service answered within the hour.',
]

export const givenNames: readonly string[] =
  'Anna, Aoife, Bram, Clara, Daniel, Eva, Farid, Grace, Hugo, Ines, Jonas, Katja, Liam, Maja, Noor, Oskar, Petra, Quentin, Rosa, Sven, Tilda, Umar, Vera, Wout, Yara, Zoë'.split(
    ', ',
  )

export const familyNames: readonly string[] =
  'Andersen, Byrne, Costa, Dubois, Eriksson, Fischer, Gallagher, Hansen, Ivanova, Janssen, Kowalski, Lindqvist, Moreau, Novak, O’Brien, Peeters, Quinn, Rossi, Schmidt, Tanaka, Ulrich, Visser, Walsh, Young, Zeman'.split(
    ', ',
  )

export const streets: readonly string[] =
  'Harbour Street, Mill Lane, Station Road, Linden Avenue, Church Hill, Market Square, Quay Side, Garden Row'.split(
    ', ',
  )

export const towns: readonly string[] =
  '1012 Amsterdam, D02 Dublin, 10115 Berlin, 75011 Paris, 1050 København, 11120 Stockholm, 1000 Bruxelles, 20121 Milano'.split(
    ', ',
  )
