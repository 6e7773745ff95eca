import assert from 'node:assert/strict'
import type { Ctx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import type { Random } from '#kernel/random.ts'
import { takeBankFile } from '#modules/payments/index.ts'
import type { WechatRow } from '../../src/modules/payments/adapters/wechat/statement.ts'
import { renderBankFile } from '../../src/modules/payments/settle/layout.ts'

interface Move {
  readonly serial: string
  readonly fen: number
  readonly purpose: string
}

export interface SimBank {
  readonly movedFen: number
  /** The channel pays out a day by its own books. */
  payOut(day: string, rows: readonly WechatRow[]): void
  /** Pays billers what their settlements say, as far as it is more than nothing. */
  payBillers(ctx: Ctx): Promise<void>
  /** Hands over what moved: some days late, twice, in an order of its own. */
  handOver(ctx: Ctx, today: string, isLast: boolean): Promise<void>
}

const ROW_FEE_E5_PER_FEN = 1_000

/** The bank account of the town: the channel rounds the fee of every row for itself, and files come as they like. */
export function simBank(random: Random): SimBank {
  let serial = 0
  let movedFen = 0
  let owedByChannel = 0
  const paidTo = new Map<string, Set<string>>()
  const files: { day: string; moves: Move[] }[] = []
  let moves: Move[] = []
  const move = (fen: number, purpose: string) => {
    movedFen += fen
    moves.push({ serial: `S${++serial}`, fen, purpose })
  }
  const digits = (day: string) => day.replaceAll('-', '')
  return {
    get movedFen() {
      return movedFen
    },
    payOut(day, rows) {
      const gross = rows.reduce((sum, row) => sum + (row.tradeState === 'SUCCESS' ? row.orderFen : -row.refundAppliedFen), 0)
      const fee = rows.reduce((sum, row) => sum + Math.round(row.feeE5 / ROW_FEE_E5_PER_FEN), 0)
      owedByChannel += gross - fee
      if (owedByChannel <= 0) return
      move(owedByChannel, `SETTLE wechat sim ${digits(day)}`)
      owedByChannel = 0
    },
    async payBillers(ctx) {
      const settled = await ctx.kernel.db.read(ctx.tenantId, tx =>
        tx.rows<{ biller: string; day: string; fen: number }>(sql`
          select biller_id as biller, day, collected_fen - returned_fen as fen from billing.settlement where tenant_id = ${ctx.tenantId} order by 1, 2`),
      )
      for (const biller of new Set(settled.map(row => row.biller))) {
        const paid = paidTo.get(biller) ?? new Set()
        paidTo.set(biller, paid)
        const owed = settled.filter(row => row.biller === biller && !paid.has(row.day))
        const fen = owed.reduce((sum, row) => sum + row.fen, 0)
        if (fen <= 0) continue
        move(-fen, `REMIT ${biller} ${digits(owed.at(-1)!.day)}`)
        for (const row of owed) paid.add(row.day)
      }
    },
    async handOver(ctx, today, isLast) {
      if (moves.length > 0) files.push({ day: today, moves })
      moves = []
      const due = files.filter(() => isLast || random.float() < 0.7)
      if (random.float() < 0.5) due.reverse()
      for (const file of due) {
        files.splice(files.indexOf(file), 1)
        for (let copies = random.float() < 0.3 ? 2 : 1; copies > 0; copies--) {
          let balanceFen = 0
          const rows = file.moves.map(({ serial: no, fen, purpose }) => {
            balanceFen += fen
            return { serial: no, at: ctx.kernel.clock.now(), amountFen: fen, balanceFen, purpose }
          })
          const bytes = renderBankFile({ bank: 'icb', day: file.day, openingFen: 0, rows })
          assert.ok((await takeBankFile(ctx, { name: `${file.day}.txt`, bytes })).ok)
        }
      }
    },
  }
}
