import { type AccountFound, findAccounts } from './accounts.ts'
import type { KnownBiller } from './billers.ts'
import { type Line, plainLines, type ReadLine } from './lines.ts'
import { type Found, findAmounts, findBillNo, findPeriod, type Period } from './values.ts'

/** What was read of one thing. `isSure` is only said where a mistake would have shown. */
export interface ReadField<T> {
  readonly value: T
  /** 0 to 1. */
  readonly confidence: number
  readonly isSure: boolean
}

/** What the print of a bill says; absent is what was not found. */
export interface ReadBill {
  readonly biller?: ReadField<string>
  readonly accountNo?: ReadField<string>
  readonly billNo?: ReadField<string>
  readonly amountFen?: ReadField<number>
  readonly period?: ReadField<Period>
}

/** A check digit proves one doubtful character right, not two; and what was hardly seen was not read. */
const ACCOUNT_DOUBTFUL_MAX = 1
const ACCOUNT_CHAR_MIN = 0.5
const VALUE_CHAR_MIN = 0.85
const NAME_SURE = 0.75
const NAME_MIN = 0.5
/** A caption that says so outright. */
const ASKED_WEIGHT = 3

/** Reads a bill out of lines of print. Pure: the same lines and billers always give the same. */
export function readFields(read: readonly ReadLine[], billers: readonly KnownBiller[]): ReadBill {
  const lines = plainLines(read)
  const accounts = findAccounts(lines, billers)
  const named = nameBillers(lines, billers)
  const chosen = chooseBiller(named, accounts, billers)
  const biller = chosen && billers.find(({ id }) => id === chosen.value)
  const accountNo = chosen && chooseAccount(chosen, accounts)
  const [amount, next] = findAmounts(lines, biller)
  const period = findPeriod(lines, biller)
  const billNo = findBillNo(lines, biller)
  const isClear = amount && amount.weight >= ASKED_WEIGHT && !(next && next.weight === amount.weight && next.value !== amount.value)
  return {
    ...(chosen && { biller: chosen }),
    ...(accountNo && { accountNo }),
    ...(billNo && { billNo: sure(billNo) }),
    ...(amount && amount.weight > 0 && { amountFen: sure(amount, isClear) }),
    ...(period && { period: sure(period) }),
  }
}

const sure = <T>({ value, confidence }: Found<T>, isClear = true): ReadField<T> => ({
  value,
  confidence,
  isSure: isClear && confidence >= VALUE_CHAR_MIN,
})

interface Named {
  readonly id: string
  /** Share of the name that stands on the page in order, each character by how few billers have it. */
  readonly likeness: number
  readonly hasService: boolean
}

function nameBillers(lines: readonly Line[], billers: readonly KnownBiller[]): Named[] {
  const texts = lines.map(line => line.text.replace(/\(.*?\)/g, ''))
  const common = new Map<string, number>()
  for (const { names } of billers) for (const char of new Set(names.join(''))) common.set(char, (common.get(char) ?? 0) + 1)
  const weightOf = (char: string): number => 1 / (common.get(char) ?? 1)
  return billers.map(({ id, names, services }) => ({
    id,
    likeness: Math.max(0, ...names.flatMap(name => texts.map(text => likeness(name, text, weightOf)))),
    hasService: services.some(service => service !== '' && texts.some(text => text.includes(service))),
  }))
}

/** Longest common subsequence by weight, as a share of the name. */
function likeness(name: string, text: string, weightOf: (char: string) => number): number {
  let row = new Float64Array(text.length + 1)
  for (const char of name) {
    const next = new Float64Array(text.length + 1)
    for (let j = 1; j <= text.length; j++) next[j] = char === text[j - 1] ? row[j - 1]! + weightOf(char) : Math.max(row[j]!, next[j - 1]!)
    row = next
  }
  const whole = [...name].reduce((sum, char) => sum + weightOf(char), 0)
  return whole === 0 ? 0 : row[text.length]! / whole
}

function chooseBiller(
  named: readonly Named[],
  accounts: readonly AccountFound[],
  billers: readonly KnownBiller[],
): ReadField<string> | undefined {
  const scored = billers
    .map(({ id }) => {
      const name = named.find(one => one.id === id)!
      const account = accounts.find(one => one.billerId === id)
      const points = name.likeness * 3 + (name.hasService ? 0.5 : 0) + (account ? (account.isLabelled ? 1.5 : 0.5) : 0)
      return { id, name, account, points }
    })
    .sort((a, b) => b.points - a.points)
  const [best, second] = scored
  if (!best || (best.name.likeness < NAME_MIN && !best.account?.isLabelled)) return undefined
  const isApart = best.points - (second?.points ?? 0) >= 0.75
  // A number of the right form under the right words says as much as the name.
  const isNamed = best.name.likeness >= NAME_SURE || (best.name.hasService && best.account?.isLabelled === true)
  return { value: best.id, confidence: Math.min(1, best.points / 5), isSure: isApart && isNamed }
}

function chooseAccount(biller: ReadField<string>, accounts: readonly AccountFound[]): ReadField<string> | undefined {
  const [best, second] = accounts.filter(one => one.billerId === biller.value)
  if (!best) return undefined
  const isAlone = !second || (best.isLabelled && !second.isLabelled)
  const isClear = best.doubtful <= ACCOUNT_DOUBTFUL_MAX && best.confidence >= ACCOUNT_CHAR_MIN
  const isSure = biller.isSure && best.isLabelled && !best.isMended && isAlone && isClear
  return { value: best.accountNo, confidence: best.confidence, isSure }
}
