import { isAccountNo } from '../model.ts'
import type { KnownBiller } from './billers.ts'
import { captions, type Line } from './lines.ts'

/** A stretch of print that may be an account number of a biller: it has its form and its check digit. */
export interface AccountFound {
  readonly billerId: string
  readonly accountNo: string
  readonly confidence: number
  /** Characters that were not read clearly. */
  readonly doubtful: number
  /** Stands where a label says so. */
  readonly isLabelled: boolean
  /** Changed to fit its check digit, or cut out of a longer number. */
  readonly isMended: boolean
}

const ACCOUNT_WORDS = /户号|户编号|客户编|缴费号|账户|帐户|ACCOUNT/
/** Numbers every bill carries that are none of a customer's. */
const OTHER_WORDS = /电话|热线|表号|表编号|表具|卡号|账号|帐号|开户|代码|税|TEL|PHONE|METER/
/** Letters the print of digits is taken for. */
const DIGITS: Readonly<Record<string, string>> = { O: '0', Q: '0', D: '0', I: '1', L: '1', '|': '1', Z: '2', S: '5', G: '6', B: '8' }

/** Certainty from which on a character counts as read clearly. */
const CLEAR = 0.9
const CHANGES_MAX = 6

const isWord = (char: string | undefined): boolean => char !== undefined && /[0-9A-Z]/.test(char)

export function findAccounts(lines: readonly Line[], billers: readonly KnownBiller[]): AccountFound[] {
  const found = lines.flatMap(line => billers.flatMap(biller => findIn(line, lines, biller)))
  const best = new Map<string, AccountFound>()
  for (const one of found) {
    const key = `${one.billerId} ${one.accountNo}`
    const other = best.get(key)
    if (!other || rank(one) > rank(other)) best.set(key, one)
  }
  return [...best.values()].sort((a, b) => rank(b) - rank(a))
}

const rank = (one: AccountFound): number => (one.isLabelled ? 2 : 0) + (one.isMended ? 0 : 1) + one.confidence

function findIn(line: Line, lines: readonly Line[], { id, account, labels }: KnownBiller): AccountFound[] {
  const out: AccountFound[] = []
  const { text, gaps } = line
  const { length } = account
  for (let at = 0; at + length <= text.length; at++) {
    const print = text.slice(at, at + length)
    if (!/^[0-9A-Z|]+$/.test(print)) continue
    const certainty = line.chars.slice(at, at + length)
    const accountNo = isAccountNo(print, account) ? print : mend(print, line.others.slice(at, at + length), certainty, account)
    if (accountNo === undefined) continue
    const isCut = (isWord(text[at - 1]) && !gaps.has(at)) || (isWord(text[at + length]) && !gaps.has(at + length))
    const words = captions(lines, line, at)
    const isLabelled = words.some(word => labels.account.some(label => word.includes(label)) || ACCOUNT_WORDS.test(word))
    const isMended = isCut || accountNo !== print
    // What was changed or cut needs words that say what it is; what others' words stand at is theirs.
    if (!isLabelled && (isMended || OTHER_WORDS.test(words[0] ?? ''))) continue
    const doubtful = certainty.filter(one => one < CLEAR).length
    out.push({ billerId: id, accountNo, confidence: Math.min(...certainty), doubtful, isLabelled, isMended })
  }
  return out
}

/**
 * The number with the fewest characters changed that has form and check digit: to the digit a letter looks like, or to what
 * came second where it was not clear. Undefined where none or more than one has them.
 */
function mend(print: string, others: string, certainty: readonly number[], rule: KnownBiller['account']): string | undefined {
  const changes = [...print]
    .flatMap((char, at) => {
      const to = new Set([DIGITS[char], certainty[at]! < CLEAR && /[0-9A-Z]/.test(others[at] ?? '') ? others[at] : undefined])
      return [...to].filter(one => one !== undefined && one !== char).map(one => ({ at, to: one!, certainty: certainty[at]! }))
    })
    .sort((a, b) => a.certainty - b.certainty)
    .slice(0, CHANGES_MAX)
  let best: { count: number; texts: Set<string> } | undefined
  for (let choice = 1; choice < 1 << changes.length; choice++) {
    const taken = changes.filter((_, i) => choice & (1 << i))
    if (best && taken.length > best.count) continue
    const chars = [...print]
    for (const { at, to } of taken) chars[at] = to
    const text = chars.join('')
    if (!isAccountNo(text, rule)) continue
    if (!best || taken.length < best.count) best = { count: taken.length, texts: new Set() }
    best.texts.add(text)
  }
  return best?.texts.size === 1 ? [...best.texts][0] : undefined
}
