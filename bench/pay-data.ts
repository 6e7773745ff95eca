import { type Ctx, type Kernel, makeId, systemCtx } from '#kernel/context.ts'
import { ensureAccount } from '#modules/ledger/index.ts'
import { ensureMerchant, outTradeNoOf, paidEventOf } from '#modules/payments/index.ts'

export const TENANT = 1

/** Money of the synthetic orders: between 10 and 500 yuan. */
const amountOf = (i: number): number => 1_000 + ((i * 7_919) % 49_000)

export interface PreparedAttempt {
  readonly attemptId: string
  readonly orderId: string
  readonly outTradeNo: string
  readonly amountFen: number
}

export async function prepareBooks(kernel: Kernel, mchid: string): Promise<{ ctx: Ctx; payee: number; clearing: number }> {
  const ctx = systemCtx(kernel, TENANT, 'bench')
  await ensureMerchant(ctx, 'wechat', mchid)
  return kernel.db.tx(TENANT, async tx => ({
    ctx,
    payee: await ensureAccount(tx, ctx, '2202:water'),
    clearing: await ensureAccount(tx, ctx, `1012:wechat:${mchid}`),
  }))
}

/** Orders waiting for their confirmation, as the product's own tables hold them after a payer went to the wallet. */
export async function prepareAttempts(
  kernel: Kernel,
  accounts: { payee: number; clearing: number; mchid: string },
  count: number,
  offset: number,
): Promise<PreparedAttempt[]> {
  const made: PreparedAttempt[] = Array.from({ length: count }, (_, i) => {
    const attemptId = makeId({ kernel })
    return { attemptId, orderId: makeId({ kernel }), outTradeNo: outTradeNoOf(TENANT, attemptId), amountFen: amountOf(offset + i) }
  })
  const now = new Date()
  const later = new Date(now.getTime() + 3_600_000)
  const { pool } = kernel.db
  const orders = made.map(m => m.orderId)
  const attempts = made.map(m => m.attemptId)
  const amounts = made.map(m => m.amountFen)
  await pool.query(
    `insert into payments."order" (tenant_id, id, code, state, amount_fen, paid_fen, reserved_fen, refunded_fen, mismatch, title, payer, place, created_at, expires_at, version)
     select $1, o, replace(o::text, '-', ''), 1, a, 0, 0, 0, false, '水费 2026-10', 'browser:bench', 'phone', $4, $5, 1 from unnest($2::uuid[], $3::bigint[]) as x(o, a)`,
    [TENANT, orders, amounts, now, later],
  )
  await pool.query(
    `insert into payments.order_line (tenant_id, order_id, line, subject_kind, subject_id, payee_account_id, amount_fen, title)
     select $1, o, 1, 'bill', o, $4, a, '水费' from unnest($2::uuid[], $3::bigint[]) as x(o, a)`,
    [TENANT, orders, amounts, accounts.payee],
  )
  await pool.query(
    `insert into payments.claim (tenant_id, subject_kind, subject_id, order_id) select $1, 'bill', o, o from unnest($2::uuid[]) as x(o)`,
    [TENANT, orders],
  )
  const events = made.map(m =>
    paidEventOf({
      id: m.attemptId,
      channel: 'wechat',
      amountFen: m.amountFen,
      accounts: [accounts.clearing, accounts.payee],
      amounts: [m.amountFen, -m.amountFen],
    }),
  )
  await pool.query(
    `insert into payments.attempt (tenant_id, id, order_id, channel, mchid, product, out_trade_no, state, amount_fen, posting_accounts, posting_amounts, paid_event, created_at, expires_at)
     select $1, t, o, 'wechat', '${accounts.mchid}', 'h5', n, 3, a, array[$6::integer, $7::integer], array[a, -a], e, $8, $9 from unnest($2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $10::text[]) as x(t, o, n, a, e)`,
    [TENANT, attempts, orders, made.map(m => m.outTradeNo), amounts, accounts.clearing, accounts.payee, now, later, events],
  )
  return made
}
