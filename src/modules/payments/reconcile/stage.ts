import { copyCell, copyInto } from '#kernel/db/copy.ts'
import type { Tx } from '#kernel/db/index.ts'
import { documentOf } from '../model.ts'
import type { StatementLine } from '../ports.ts'

export interface Totals {
  readonly rows: number
  readonly paidFen: number
  readonly refundedFen: number
  /** The channel's fees in 1/100000 yuan. */
  readonly feeE5: number
  /** Discounts at our own cost. */
  readonly discountFen: number
}

/** The document a row speaks of, as the books know it: a payment by the channel's number, a refund by ours. */
const refOf = (channel: string, line: StatementLine): string =>
  documentOf(channel, line.kind === 'pay' ? line.channelTxnNo : line.outRefundNo)

/**
 * The totals less what rows say that repeat an earlier one exactly: they count once. A second look at the file, which only a file
 * with repeats is given: carrying each row's fee through the stage would cost every file.
 */
export async function withoutRepeats(
  totals: Totals,
  channel: string,
  lines: AsyncIterable<StatementLine>,
  repeated: ReadonlySet<string>,
): Promise<Totals> {
  const seen = new Set<string>()
  let { rows, paidFen, refundedFen, feeE5, discountFen } = totals
  for await (const line of lines) {
    const ref = refOf(channel, line)
    if (!repeated.has(ref)) continue
    if (!seen.has(ref)) {
      seen.add(ref)
      continue
    }
    rows--
    feeE5 -= line.feeE5
    discountFen -= line.discountFen
    if (line.kind === 'refund') refundedFen -= line.amountFen
    else paidFen -= line.amountFen
  }
  return { rows, paidFen, refundedFen, feeE5, discountFen }
}

/** Copies the rows of a statement into the stage, in constant memory. */
export async function stageStatement(tx: Tx, tenantId: number, channel: string, lines: AsyncIterable<StatementLine>): Promise<Totals> {
  const copy = copyInto(tx, 'payments.statement_stage')
  let rows = 0
  let paidFen = 0
  let refundedFen = 0
  let feeE5 = 0
  let discountFen = 0
  try {
    for await (const line of lines) {
      const isRefund = line.kind === 'refund'
      rows++
      feeE5 += line.feeE5
      discountFen += line.discountFen
      if (isRefund) refundedFen += line.amountFen
      else paidFen += line.amountFen
      copy.add(
        `${tenantId}\t${rows}\t${copyCell(refOf(channel, line))}\t${isRefund ? 't' : 'f'}\t${line.amountFen}\t${line.at.toISOString()}\t${copyCell(line.outTradeNo)}`,
      )
      await copy.drain()
    }
  } finally {
    // A file refused half-way ends the COPY too, so that the connection is free for the roll-back.
    await copy.end()
  }
  return { rows, paidFen, refundedFen, feeE5, discountFen }
}
