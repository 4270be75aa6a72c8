// Natural strings of a shop, made up: names, addresses, products, searches, reviews, notes. Nothing in them is an attack.
import { random } from '../soak/markup.ts'

const first = ['Anna', 'Seán', 'José', 'Li', 'Mary-Jane', 'Ünal', 'Zoë', 'Mohammed', 'Olga', 'Kwame']
const last = [
  "O'Brien",
  "D'Arcy",
  'Müller',
  'de la Cruz',
  'Smith & Sons',
  "N'Diaye",
  'Null',
  'True',
  'Drop',
  'Union',
  'van der Berg',
  'Or',
  'Selecter',
  'Bobby "Tables" Jones',
]
const street = [
  "St. John's Road 4",
  'High Street 12/3',
  "Rue de l'Église 7",
  'Calle Mayor, 12-3º B',
  'Flat #3; 2nd floor',
  'Unit 5 - 6',
  'c/ Union 12, 2',
  'P.O. Box 1=A',
]
const item = [
  'mug',
  'lamp',
  'table',
  'shirt',
  'ring',
  'poster',
  'cable',
  'bag',
  'drop earrings',
  'union jack cushion',
  'select whisky',
  'key ring',
  'cat bed',
  'sleep mask',
  'script font stamp',
  'bash hammer',
  'echo dot',
  'curl cream',
  'order of service cards',
]
const size = [
  `5' 10"`,
  `16" or 18"`,
  '3/4"',
  `7" x 9"`,
  '12-14',
  "6' x 4'",
  '50%',
  '2 for 1',
  '100 % cotton',
  'S/M/L',
  '1/4"-1"',
  '24x36cm',
  "2''",
  '#4',
  '4.7"',
  '8.5x11" -300 dpi',
]
/** Words of SQL, of shells and of script that are words of English too… */
const keyword =
  'and or not like select where from order by group having drop table update set delete insert into union all null true limit between case when then end if exec char count values as in alert script on load time cat sleep ping echo sort cut find kill host top'.split(
    ' ',
  )
/** …among those that are not. */
const plain =
  'the nice great price value it is was a my daughter colour box arrived late very good quality for this shop we they again friend gift warm light fits size small but bought would recommend to anyone looking present looks exactly picture delivery fast friendly seller little darker than expected still happy with second one husband wears every day washing machine soft cotton handle broke after weeks refund came quickly thank you'.split(
    ' ',
  )
const mark = [
  '.',
  ',',
  '!',
  '?',
  ';',
  ' -',
  ' --',
  ':',
  '...',
  ' &',
  ' +',
  ' (see above)',
  ' "a bit"',
  ' 5',
  ' 10%',
  ' £12.50',
  ' $9',
  ' <3',
  ' :)',
  ' #1',
  ' = ok',
  ' / ',
  "'s",
  ...Array.from({ length: 60 }, () => ''),
]
const emoji = ['😀', '👍🏽', '❤️', '', '', '', '']

/** `count` strings, the same each time. */
export function shopTexts(count: number): readonly string[] {
  const next = random(4711)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!
  const word = (): string => pick(next() < 0.2 ? keyword : plain)
  const sentence = (): string =>
    Array.from({ length: 4 + Math.floor(next() * 22) }, () => word() + pick(mark)).join(' ')
  const kinds: readonly (() => string)[] = [
    () => `${pick(first)} ${pick(last)}`,
    () => `${pick(street)}, ${Math.floor(next() * 99999)} ${pick(last)}town`,
    () => `${pick(item)} ${pick(size)} ${pick(emoji)}`.trim(),
    () => `"${pick(item)}" ${pick(['and', 'or', '-', '+', ''])} ${pick(size)}`,
    () =>
      `${pick(first).toLowerCase()}.${pick(['obrien', 'or', 'select', 'smith'])}+shop@example.${pick(['com', 'co.uk', 'de'])}`,
    () =>
      `https://shop.example/${pick(item).replaceAll(' ', '-')}?size=${encodeURIComponent(pick(size))}&q=${word()}+${word()}#reviews`,
    () => `It's ${word()} ${word()} - ${pick(item)} ${pick(size)}, ${sentence()}`,
    sentence,
    () =>
      `Happy birthday ${pick(first)}!\nLove, ${pick(first)} & ${pick(first)}\n${pick(['Tel: ', 'From: ', 'Note: '])}${Math.floor(next() * 1e9)}`,
    () => `<p>${pick(item)} is <b>${word()}</b> value<br /><br />${pick(item)} &amp; ${pick(item)}</p>`,
    () =>
      `${Math.floor(next() * 9)} x ${(next() * 90).toFixed(2)} = ${(next() * 90).toFixed(2)} ${pick(['EUR', '€', 'or less', 'and up'])}`,
    () => `SKU-${Math.floor(next() * 1e6)}-${pick(['OR', 'AND', 'XL', 'NULL'])}`,
  ]
  return Array.from({ length: count }, () => pick(kinds)())
}
