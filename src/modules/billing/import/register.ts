import { z } from 'zod'
import { type Ctx, permit } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { ensureAccount } from '#modules/ledger/index.ts'
import { listClaims } from '#modules/payments/index.ts'
import { append, defineEvent } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import type { BillerConfig } from '../model.ts'
import { findBiller, insertTariff, type TariffRow, upsertBiller } from '../store.ts'
import { type Mapping, mappingSchema, type PaymentMapping, paymentMappingSchema, whyMalformed } from './mapping.ts'

export const billerRegistered = defineEvent({
  type: 'billing.biller_registered',
  version: 1,
  subject: 'biller',
  body: z.object({ name_zh: z.string(), tariffs: z.array(z.string()) }),
})
export const billsSettledBefore = defineEvent({
  type: 'billing.bills_settled_before',
  version: 1,
  subject: 'biller',
  body: z.object({ bills: z.int(), before: z.string() }),
})

export interface NewBiller {
  readonly id: string
  readonly nameZh: string
  readonly nameEn: string
  readonly serviceZh: string
  readonly serviceEn: string
  readonly unit: string
  readonly config: BillerConfig
  readonly tariffs: readonly Omit<TariffRow, 'billerId'>[]
}

/** Adds a biller with its payable account, or renews its configuration; tariffs once published stay. */
export async function registerBiller(ctx: Ctx, biller: NewBiller): Promise<Result<void>> {
  const allowed = permit(ctx, 'billing.biller.register')
  if (!allowed.ok) return allowed
  const mapping = mappingSchema.safeParse(biller.config.mappings.bills)
  if (!mapping.success) return fail(errors.mapping_malformed, { why: whyMalformed(mapping.error) })
  const payments = paymentMappingSchema.optional().safeParse(biller.config.mappings.payments)
  if (!payments.success) return fail(errors.mapping_malformed, { why: whyMalformed(payments.error) })
  await ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const at = ctx.kernel.clock.now()
    const payableAccountId = await ensureAccount(tx, ctx, `2202:${biller.id}`)
    const { tariffs, ...row } = biller
    await upsertBiller(tx, ctx.tenantId, { ...row, payableAccountId, isOnline: true }, at)
    for (const tariff of tariffs) await insertTariff(tx, ctx.tenantId, { ...tariff, billerId: biller.id }, at)
    await append(tx, ctx, billerRegistered, { subjectId: biller.id, body: { name_zh: biller.nameZh, tariffs: tariffs.map(t => t.id) } })
  })
  return ok(undefined)
}

/**
 * Marks bills of periods before `before` ('YYYY-MM') as paid at the biller before this installation took over: when history
 * is brought in, or for `share_e4` of them (chosen by bill number) in a demonstration. Answers how many.
 */
export async function markSettledBefore(ctx: Ctx, billerId: string, before: string, share_e4 = 10_000): Promise<Result<number>> {
  const allowed = permit(ctx, 'billing.batch.import')
  if (!allowed.ok) return allowed
  return ok(
    await ctx.kernel.db.tx(ctx.tenantId, async tx => {
      const bills = await tx.run(sql`
        update billing.bill set settled_before = true
        where tenant_id = ${ctx.tenantId} and biller_id = ${billerId} and period_to < ${before} and not settled_before
          and ('x' || substr(md5(bill_no), 1, 7))::bit(28)::int % 10000 < ${share_e4}`)
      await append(tx, ctx, billsSettledBefore, { subjectId: billerId, body: { bills, before } })
      return bills
    }),
  )
}

export interface PrintBill {
  readonly code: string
  readonly billerId: string
  readonly billNo: string
  readonly amountFen: number
  readonly dueOn: string
  readonly accountNo: string
  readonly holderMask: string
  readonly addressMask: string
}

/** Bills looked at beyond those asked for, since some of the newest may be paid. */
const SPARE = 200

/** The newest bills of a biller that nobody paid or is paying, for a sheet of bills to print with their codes. */
export const listPrintBills = (ctx: Ctx, billerId: string, limit: number): Promise<PrintBill[]> =>
  ctx.kernel.db.read(ctx.tenantId, async tx => {
    const rows = await tx.rows<PrintBill & { id: string }>(sql`
      select b.id, b.code, b.biller_id as "billerId", b.bill_no as "billNo", b.amount_fen as "amountFen", b.due_on as "dueOn", a.account_no as "accountNo",
        a.holder_mask as "holderMask", a.address_mask as "addressMask"
      from billing.bill b join billing.account a on a.tenant_id = b.tenant_id and a.id = b.account_id
      where b.tenant_id = ${ctx.tenantId} and b.biller_id = ${billerId} and b.withdrawn_at is null and not b.settled_before
      order by b.period_to desc, b.bill_no limit ${limit + SPARE}`)
    const ids = rows.map(bill => bill.id)
    const taken = new Set((await listClaims(tx, ctx.tenantId, ['bill'], ids)).flatMap(c => (c.state === 'closed' ? [] : [c.subjectId])))
    return rows.filter(bill => !taken.has(bill.id)).slice(0, limit)
  })

/** The layouts declared for a biller's files: of bills, and of payments the system before took. Undefined for an unknown biller. */
export async function findLayouts(
  ctx: Ctx,
  billerId: string,
): Promise<{ readonly bills: Mapping; readonly payments: PaymentMapping | undefined } | undefined> {
  const biller = await ctx.kernel.db.read(ctx.tenantId, tx => findBiller(tx, ctx.tenantId, billerId))
  if (!biller) return undefined
  const { bills, payments } = biller.config.mappings
  return { bills: mappingSchema.parse(bills), payments: paymentMappingSchema.optional().parse(payments) }
}
