import type { PaymentMapping } from '../import/mapping.ts'
import type { Faults } from '../import/report.ts'
import { fixedChecks, NUMBER_CHARS_MAX, type Read, readers, wholeRow } from '../import/row-mapper.ts'
import type { Cell } from '../import/text-reader.ts'
import { type BillerConfig, isAccountNo } from '../model.ts'

/** A payment another system took, as its file says. */
export interface StatedPayment {
  readonly line: number
  readonly paymentNo: string
  readonly accountNo: string
  readonly billNo: string | undefined
  readonly paidOn: string
  readonly amountFen: number
  readonly channel: string | undefined
  /** Taken back again: nothing was paid by it. */
  readonly isVoid: boolean
}

/** Days a file may tell of: those of the past, or the one day it is for. */
export interface Days {
  readonly first: string
  readonly last: string
}

/** Compiles a mapping once; the result turns the cells of a row into a payment or reports the row and answers undefined. */
export function compilePayment(
  m: PaymentMapping,
  account: BillerConfig['account'],
  days: Days,
  faults: Faults,
): (cells: readonly Cell[], line: number) => StatedPayment | undefined {
  const r = readers(m)
  const p = m.payment
  const [accountAt] = r.place(p.account_no)
  const [paidAt] = r.place(p.paid_on)
  const [amountAt] = r.place(p.amount)
  const accountNo = r.text(p.account_no, NUMBER_CHARS_MAX, true)
  const paymentNo = r.text(p.payment_no, NUMBER_CHARS_MAX, true)
  const billNoParts = (p.bill_no === undefined ? [] : typeof p.bill_no === 'string' ? [p.bill_no] : p.bill_no.join).map(name =>
    r.text(name, NUMBER_CHARS_MAX, true),
  )
  const channel = p.channel ? r.text(p.channel, NUMBER_CHARS_MAX, false) : () => ''
  const day = r.day(p.paid_on)
  const money = r.money(p.amount)
  const checks = fixedChecks(m, r)
  const statusAt = p.status ? r.place(p.status.column)[0] : -1

  const knownAccount: Read<string> = cells => {
    const value = accountNo(cells)
    return isAccountNo(value, account) ? value : r.bad('account_no', accountAt, value)
  }
  const dayWithin: Read<string> = cells => {
    const value = day(cells)
    if (days.first <= value && value <= days.last) return value
    return r.bad('day_outside', paidAt, cells[paidAt]!, days.first === days.last ? days.first : `<= ${days.last}`)
  }
  const amount: Read<number> = cells => money(cells) || r.bad('amount', amountAt, cells[amountAt]!)
  const read = (cells: readonly Cell[], line: number): StatedPayment => {
    for (const check of checks) check(cells)
    return {
      line,
      paymentNo: paymentNo(cells),
      accountNo: knownAccount(cells),
      billNo: billNoParts.length === 0 ? undefined : billNoParts.map(part => part(cells)).join('-'),
      paidOn: dayWithin(cells),
      amountFen: amount(cells),
      channel: channel(cells) || undefined,
      isVoid: statusAt >= 0 && p.status!.void.includes(String(cells[statusAt]).trim()),
    }
  }
  return wholeRow(m, read, [...checks, knownAccount, paymentNo, ...billNoParts, dayWithin, amount, channel], faults)
}
