import type { Ctx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { formatYuan } from '#kernel/money.ts'
import { type Params, send, type Template } from '#modules/notify/index.ts'
import * as bills from '../store.ts'
import type { MandateRow } from './store.ts'

/** What a bill is called in the language its payer agreed in. */
const serviceOf = (lang: MandateRow['lang'], biller: bills.BillerRow): string => (lang === 'en' ? biller.serviceEn : biller.serviceZh)

/** Tells a resident what happened to their mandate or by it; the same act is told once. */
export async function tell(
  tx: Tx,
  ctx: Ctx,
  mandate: Pick<MandateRow, 'payer' | 'lang' | 'accountId'>,
  message: { readonly template: Template; readonly dedupeKey: string; readonly amountFen?: number; readonly params?: Params },
): Promise<void> {
  const account = (await bills.findAccountById(tx, ctx.tenantId, mandate.accountId))!
  const biller = (await bills.findBiller(tx, ctx.tenantId, account.billerId))!
  await send(
    tx,
    { ...ctx, lang: mandate.lang },
    {
      to: { personId: mandate.payer.replace(/^resident:/, '') },
      topic: 'payments',
      template: message.template,
      dedupeKey: message.dedupeKey,
      params: {
        service: serviceOf(mandate.lang, biller),
        account_tail: account.accountNo.slice(-4),
        ...(message.amountFen !== undefined && { amount: formatYuan(message.amountFen) }),
        ...message.params,
      },
    },
  )
}
