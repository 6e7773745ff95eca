import { z } from 'zod'
import { accessErrors } from '#kernel/context.ts'
import { defineContract } from '#kernel/http/contract.ts'
import { errors } from './errors.ts'

const fen = z.int()
const day = z.iso.date()
const bill = z.object({
  code: z.string(),
  biller: z.string(),
  service: z.string(),
  periodFrom: z.string(),
  periodTo: z.string(),
  amountFen: fen,
  restFen: fen,
  rebateFen: fen,
  lateFeeFen: fen,
  dueOn: day,
  holderMasked: z.string(),
  addressMasked: z.string(),
  accountLast4: z.string(),
  isPaid: z.boolean(),
})

export const contract = defineContract({
  listBillers: {
    method: 'GET',
    path: '/billers',
    summary: 'Who can be paid here',
    permission: 'public',
    response: z.object({
      billers: z.array(
        z.object({
          id: z.string(),
          nameZh: z.string(),
          nameEn: z.string(),
          serviceZh: z.string(),
          serviceEn: z.string(),
          isOnline: z.boolean(),
        }),
      ),
    }),
    errors: [],
  },
  listTariffs: {
    method: 'GET',
    path: '/tariffs',
    summary: 'Published price lists with their validity, newest first per biller',
    permission: 'public',
    response: z.object({
      tariffs: z.array(
        z.object({ biller: z.string(), id: z.string(), validFrom: day, validTo: day.nullable(), body: z.record(z.string(), z.unknown()) }),
      ),
    }),
    errors: [],
  },
  getBill: {
    method: 'GET',
    path: '/bills/:code',
    summary: 'The bill behind a printed code, masked, with the checks made before money moves',
    permission: 'public',
    params: z.object({ code: z.string().regex(/^[0-9a-z]{26}$/) }),
    response: z.object({ bill, checks: z.array(z.object({ level: z.enum(['ok', 'warn', 'stop']), key: z.string() })) }),
    errors: [errors.bill_not_found],
  },
  searchBills: {
    method: 'GET',
    path: '/bills',
    summary: 'Bills by bill number or account number, for the desk; at most 50',
    permission: 'billing.bill.read',
    query: z.strictObject({ q: z.string().min(4).max(40) }),
    response: z.object({ bills: z.array(bill) }),
    errors: [accessErrors.sign_in_first, accessErrors.denied],
  },
})
