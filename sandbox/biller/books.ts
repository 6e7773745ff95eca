import { createHash } from 'node:crypto'
import { dayOf } from '#kernel/time.ts'
import type { Faults } from '../common/faults.ts'
import { openJournal } from '../common/journal.ts'

export interface Posting {
  posting_no: string
  /** Of several utilities kept in one system. */
  payee?: string
  bill_no: string
  account_no: string
  amount_fen: number
  /** Of the amount: what is not principal. */
  late_fee_fen?: number | undefined
  /** Granted for paying early: counts as paid. */
  rebate_fen?: number | undefined
  paid_at: string
  state: 'POSTED' | 'REJECTED' | 'REVERSED'
  reason?: string
  /** When the utility wrote it down. */
  posted_at: string
}

export interface UtilityBill {
  bill_no: string
  account_no: string
  amount_fen: number
  period: string
  due_on: string
  title: string
  /** Set by the books. */
  is_paid: boolean
}

type BillerEvent = { type: 'posted'; posting: Posting } | { type: 'reversed'; posting_no: string } | { type: 'billed'; bill: UtilityBill }

export type PostResult = { kind: 'known' | 'new'; posting: Posting } | { kind: 'conflict' }

export interface BillerBooks {
  post(input: Omit<Posting, 'state' | 'reason' | 'posted_at'>, reject: string | undefined): PostResult
  find(postingNo: string): Posting | undefined
  /** Undefined when there is no such posting, or it was rejected. Repeating is a no-op. */
  reverse(postingNo: string): Posting | undefined
  addBill(bill: Omit<UtilityBill, 'is_paid'>): void
  listBills(accountNo: string): UtilityBill[]
  list(): Posting[]
  checkFile(day: string, payee: string | undefined, quirks: CheckQuirks): string
}

/** How a check file is wrong; see `Faults`. */
export type CheckQuirks = Pick<Faults, 'check_skip' | 'check_extra' | 'check_amount' | 'check_totals' | 'check_cut'>

/** The utility's own ledger: a posting number counts once, a bill is paid once. */
export function openBillerBooks(path: string, now: () => Date): BillerBooks {
  const postings = new Map<string, Posting>()
  const bills = new Map<string, UtilityBill>()
  /** Principal paid of each bill: it may come in parts. */
  const paidFen = new Map<string, number>()
  const fold = (event: BillerEvent): void => {
    if (event.type === 'billed') {
      const isPaid = bills.get(event.bill.bill_no)?.is_paid ?? false
      bills.set(event.bill.bill_no, { ...event.bill, is_paid: isPaid })
      return
    }
    if (event.type === 'posted') postings.set(event.posting.posting_no, event.posting)
    else postings.get(event.posting_no)!.state = 'REVERSED'
    const posting = postings.get(event.type === 'posted' ? event.posting.posting_no : event.posting_no)!
    const bill = bills.get(posting.bill_no)
    if (posting.state === 'REJECTED') return
    const principal = posting.amount_fen - (posting.late_fee_fen ?? 0) + (posting.rebate_fen ?? 0)
    const paid = (paidFen.get(posting.bill_no) ?? 0) + (event.type === 'posted' ? principal : -principal)
    paidFen.set(posting.bill_no, paid)
    if (bill) bill.is_paid = paid >= bill.amount_fen
  }
  const journal = openJournal<BillerEvent>(path, fold)
  const record = (event: BillerEvent): void => {
    journal.append(event)
    fold(event)
  }
  return {
    post(input, reject) {
      const known = postings.get(input.posting_no)
      if (known) {
        const isSame = known.bill_no === input.bill_no && known.account_no === input.account_no && known.amount_fen === input.amount_fen
        return isSame ? { kind: 'known', posting: known } : { kind: 'conflict' }
      }
      const bill = bills.get(input.bill_no)
      const reason =
        reject ?? (bill && bill.account_no !== input.account_no ? 'ACCOUNT_MISMATCH' : bill?.is_paid ? 'ALREADY_PAID' : undefined)
      const posting: Posting = {
        ...input,
        state: reason ? 'REJECTED' : 'POSTED',
        ...(reason && { reason }),
        posted_at: now().toISOString(),
      }
      record({ type: 'posted', posting })
      return { kind: 'new', posting }
    },
    find: postingNo => postings.get(postingNo),
    reverse(postingNo) {
      const posting = postings.get(postingNo)
      if (!posting || posting.state === 'REJECTED') return undefined
      if (posting.state === 'POSTED') record({ type: 'reversed', posting_no: postingNo })
      return posting
    },
    addBill: bill => record({ type: 'billed', bill: { ...bill, is_paid: false } }),
    listBills: accountNo => [...bills.values()].filter(bill => bill.account_no === accountNo),
    list: () => [...postings.values()],
    checkFile: (day, payee, quirks) => {
      const own = [...postings.values()].filter(posting => payee === undefined || posting.payee === payee)
      return checkFile(own, day, quirks)
    },
  }
}

/**
 * Totals line `T|day|count|sum_fen|sha256 of the detail`, then `D|posting_no|bill_no|account_no|amount_fen|paid_at|state`.
 * Holds postings that stand and those reversed later, by the day the utility wrote them down; a reversal has state REVERSED and counts zero.
 */
function checkFile(postings: Posting[], day: string, quirks: CheckQuirks): string {
  const rows = postings
    .filter(posting => posting.state !== 'REJECTED' && dayOf(new Date(posting.posted_at)) === day)
    .slice(quirks.check_skip)
    .map((posting, i) => (i === 0 ? { ...posting, amount_fen: posting.amount_fen + quirks.check_amount } : posting))
  for (let n = 1; n <= quirks.check_extra; n++) rows.push(alien(day, n))
  const standing = rows.filter(posting => posting.state === 'POSTED')
  const detail = rows
    .map(row => `D|${row.posting_no}|${row.bill_no}|${row.account_no}|${row.amount_fen}|${row.paid_at}|${row.state}\n`)
    .join('')
  const sum_fen = standing.reduce((sum, posting) => sum + posting.amount_fen, 0)
  const count = standing.length + (quirks.check_totals ? 1 : 0)
  const file = `T|${day}|${count}|${sum_fen}|${createHash('sha256').update(detail).digest('hex')}\n${detail}`
  return quirks.check_cut ? file.slice(0, Math.ceil(file.length * 0.7)) : file
}

/** Something the utility wrote down that nobody told it. */
const alien = (day: string, n: number): Posting => ({
  ...{ posting_no: `OTHER-${day}-${n}`, bill_no: `X${n}`, account_no: 'X', amount_fen: 1_000 * n, state: 'POSTED' },
  ...{ paid_at: `${day}T12:00:00+08:00`, posted_at: `${day}T12:00:00+08:00` },
})
