import { permit } from '#kernel/context.ts'
import { route } from '#kernel/http/contract.ts'
import { ok } from '#kernel/result.ts'
import { contract } from './contract.ts'
import { type BillState, getBill, listBillers, listTariffs, searchBills } from './service/bills.ts'

const billOf = ({ bill, biller, restFen, rebateFen, lateFeeFen, claim }: BillState) => ({
  code: bill.code,
  biller: biller.id,
  service: biller.serviceZh,
  periodFrom: bill.periodFrom,
  periodTo: bill.periodTo,
  amountFen: bill.amountFen,
  restFen,
  rebateFen,
  lateFeeFen,
  dueOn: bill.dueOn,
  holderMasked: bill.holderMask,
  addressMasked: bill.addressMask,
  accountLast4: bill.accountNo.slice(-4),
  isPaid: bill.isSettledBefore || claim?.state === 'paid',
})

export const routes = {
  listBillers: route(contract.listBillers, async ctx =>
    ok({
      billers: (await listBillers(ctx)).map(b => ({
        id: b.id,
        nameZh: b.nameZh,
        nameEn: b.nameEn,
        serviceZh: b.serviceZh,
        serviceEn: b.serviceEn,
        isOnline: b.isOnline,
      })),
    }),
  ),
  listTariffs: route(contract.listTariffs, async ctx =>
    ok({
      tariffs: (await listTariffs(ctx)).map(t => ({
        biller: t.billerId,
        id: t.id,
        validFrom: t.validFrom,
        validTo: t.validTo,
        body: t.body,
      })),
    }),
  ),
  getBill: route(contract.getBill, async (ctx, { params }) => {
    const found = await getBill(ctx, params.code, [`api:${ctx.actor.id}`])
    return found.ok ? ok({ bill: billOf(found.value), checks: found.value.checks.map(({ level, key }) => ({ level, key })) }) : found
  }),
  searchBills: route(contract.searchBills, async (ctx, { query }) => {
    const allowed = permit(ctx, 'billing.bill.read')
    return allowed.ok ? ok({ bills: (await searchBills(ctx, query.q)).map(billOf) }) : allowed
  }),
}
