import type { KnownBiller } from './billers.ts'
import { captions, type Line, weakest } from './lines.ts'

export interface Found<T> {
  readonly value: T
  readonly confidence: number
  readonly weight: number
}

const AMOUNT = /(?<![\d.,])(\d{1,3}(?:[,.]\d{3})+|\d{1,7})[.,](\d{2})(?![\d%]|[.,]\d)/g
const ASKED = /应缴|应付|应交|AMOUNTDUE|TOTALDUE/
const TOTAL = /合计|总计|总额|TOTAL/
const SUM = /金额|AMOUNT/
/** Sums that are not what is asked. */
const OTHER_SUM = /单价|每|结余|余额|预存|封顶|优惠|减免|违约|滞纳|读数|表底|用量|电量|面积|BALANCE|DISCOUNT/
const AMOUNT_FEN_MAX = 100_000_000

/** Sums printed on the page, the likeliest to be what is asked first. */
export function findAmounts(lines: readonly Line[], biller: KnownBiller | undefined): Found<number>[] {
  const found = lines.flatMap(line =>
    [...line.text.matchAll(AMOUNT)].map((match): Found<number> => {
      const words = captions(lines, line, match.index).map(word => word.replace(/[^\p{L}]/gu, ''))
      const value = Number(match[1]!.replace(/[.,]/g, '')) * 100 + Number(match[2])
      const weight = Math.max(0, ...words.map((word, i) => weigh(word, biller) - i * 0.2))
      // Its separators are faint in print and known by their places.
      const confidence = Math.min(...[...match[0]].map((char, i) => (/\d/.test(char) ? line.chars[match.index + i]! : 1)))
      return { value, confidence, weight }
    }),
  )
  return found
    .filter(({ value }) => value > 0 && value <= AMOUNT_FEN_MAX)
    .sort((a, b) => b.weight - a.weight || b.confidence - a.confidence)
}

function weigh(word: string, biller: KnownBiller | undefined): number {
  if (OTHER_SUM.test(word) && !ASKED.test(word)) return 0
  if (biller?.labels.amount.some(label => word.includes(label))) return 4
  return ASKED.test(word) ? 4 : TOTAL.test(word) ? 3 : SUM.test(word) ? 1 : 0
}

export interface Period {
  /** 'YYYY-MM' */
  readonly from: string
  readonly to: string
}

const month = (year: string, number: string | number): string => `${year}-${String(number).padStart(2, '0')}`
const TO = '[-–—―~至到]'
const MONTH = '(0?[1-9]|1[0-2])'
const TWO = '(0[1-9]|1[0-2])'

type Maker = (groups: readonly string[], biller: KnownBiller | undefined) => Period | undefined
/** Ways periods are printed, those that tell most first. */
const PERIODS: readonly (readonly [RegExp, Maker])[] = [
  [new RegExp(`(20\\d\\d)年${MONTH}月?${TO}(20\\d\\d)年${MONTH}月`), ([a, b, c, d]) => ({ from: month(a!, b!), to: month(c!, d!) })],
  [new RegExp(`(20\\d\\d)年${MONTH}月?${TO}${MONTH}月`), ([a, b, c]) => ({ from: month(a!, b!), to: month(a!, c!) })],
  [new RegExp(`(?<!\\d)(20\\d\\d)${TWO}${TO}(20\\d\\d)${TWO}(?!\\d)`), ([a, b, c, d]) => ({ from: month(a!, b!), to: month(c!, d!) })],
  [
    /(?<!\d)(20\d\d)[-–—~/](20\d\d)(?=采暖|供暖|年度|SEASON)/,
    ([a, b], biller) => biller?.season && { from: month(a!, biller.season[0]), to: month(b!, biller.season[1]) },
  ],
]
const LABELLED: readonly (readonly [RegExp, Maker])[] = [
  [new RegExp(`(20\\d\\d)年${MONTH}月(?!\\d)`), ([a, b]) => ({ from: month(a!, b!), to: month(a!, b!) })],
  [new RegExp(`(?<!\\d)(20\\d\\d)[-/.]?${TWO}(?![-/.]?\\d)`), ([a, b]) => ({ from: month(a!, b!), to: month(a!, b!) })],
]
const DAY = new RegExp(`(?<!\\d)(20\\d\\d)[-/.]${TWO}[-/.]\\d\\d(?!\\d)`)
const PERIOD_WORDS = /账期|计费期|年月|月份|周期|PERIOD|MONTH/
const FROM_WORDS = /用?起$|开始|FROM/
const TO_WORDS = /止$|结束|UNTIL/

/** Months the bill is for; undefined where the page does not say so clearly. */
export function findPeriod(lines: readonly Line[], biller: KnownBiller | undefined): Found<Period> | undefined {
  const isPeriod = (words: readonly string[]) =>
    words.some(word => PERIOD_WORDS.test(word) || biller?.labels.period.some(label => word.includes(label)))
  for (const [shapes, needsLabel] of [[PERIODS, false] as const, [LABELLED, true] as const])
    for (const [shape, make] of shapes)
      for (const line of lines) {
        const match = shape.exec(line.text)
        if (!match || (needsLabel && !isPeriod(captions(lines, line, match.index)))) continue
        const value = make(match.slice(1), biller)
        if (value && value.from <= value.to) return { value, confidence: weakest(line, match.index, match[0].length), weight: 1 }
      }
  const days = lines.flatMap(line => {
    const match = DAY.exec(line.text)
    return match ? [{ line, match, word: captions(lines, line, match.index)[0] ?? '' }] : []
  })
  const [from, to] = [FROM_WORDS, TO_WORDS].map(words => days.find(({ word }) => words.test(word.replace(/[^\p{L}]/gu, ''))))
  if (!from || !to) return undefined
  const value = { from: month(from.match[1]!, from.match[2]!), to: month(to.match[1]!, to.match[2]!) }
  const confidence = Math.min(...[from, to].map(({ line, match }) => weakest(line, match.index, match[0].length)))
  return value.from <= value.to ? { value, confidence, weight: 1 } : undefined
}

const BILL_NO = /[A-Z]{0,4}\d[0-9A-Z]{5,29}/g
const BILL_WORDS = /账单编?号|帐单编?号|应收编?号|通知单号|缴费单号|BILLNO|BILLNUMBER/

/** The biller's own number of the bill, where one is printed beside such words. */
export function findBillNo(lines: readonly Line[], biller: KnownBiller | undefined): Found<string> | undefined {
  const found = lines.flatMap(line =>
    [...line.text.matchAll(BILL_NO)].flatMap((match): Found<string>[] => {
      const rank = captions(lines, line, match.index).findIndex(
        word => BILL_WORDS.test(word) || biller?.labels.bill.some(label => word.includes(label)),
      )
      return rank < 0 ? [] : [{ value: match[0], confidence: weakest(line, match.index, match[0].length), weight: 4 - rank }]
    }),
  )
  return found.sort((a, b) => b.weight - a.weight || b.confidence - a.confidence)[0]
}
