import { type Ctx, type Kernel, systemCtx } from '#kernel/context.ts'
import { newCode } from '#kernel/id.ts'
import { unwrap } from '#kernel/result.ts'
import { bindAccount, type DebitTerms, findAccount, listBillers, listPrintBills, switchOnDebit } from '#modules/billing/index.ts'
import { registerPerson } from '#modules/identity/index.ts'
import { wordingOf } from '#web/debits/wording.ts'

/** Neighbours of the demonstration, with a card each at the sandbox's bank and what they would choose. */
const NEIGHBOURS: readonly { readonly name: string; readonly phone: string; readonly card: string; readonly terms: DebitTerms }[] = [
  { name: '沈玉梅', phone: '13700010001', card: '6200580000000014', terms: { ceilingFen: 50_000, daysBefore: 3, untilOn: null } },
  { name: '曹建国', phone: '13700010002', card: '6200580000000022', terms: { ceilingFen: 20_000, daysBefore: 1, untilOn: null } },
  { name: '何晓云', phone: '13700010003', card: '6200580000000030', terms: { ceilingFen: 100_000, daysBefore: 0, untilOn: null } },
]
/** Beyond the sheets of bills to try out, which are to stay open. */
const BILLS_LEFT = 24

/** Three residents who let their water bills be debited, made once; the bank has to be there. Answers how many were made. */
export async function ensureDemoDebits(kernel: Kernel, tenantId: number): Promise<number> {
  const ctx = systemCtx(kernel, tenantId, 'seed')
  const bills = (await listPrintBills(ctx, 'water', BILLS_LEFT + NEIGHBOURS.length)).slice(BILLS_LEFT)
  let made = 0
  for (const [i, neighbour] of NEIGHBOURS.entries()) {
    const accountNo = bills[i]?.accountNo
    if (accountNo && (await make(ctx, neighbour, accountNo))) made++
  }
  return made
}

async function make(ctx: Ctx, { name, phone, card, terms }: (typeof NEIGHBOURS)[number], accountNo: string): Promise<boolean> {
  const person = await registerPerson(ctx, { name, phone })
  // Known from an earlier start, whatever they have done with their mandate since.
  if (!person.ok) return false
  const { id } = person.value
  const account = unwrap(await findAccount(ctx, 'water', accountNo))
  await bindAccount(ctx, `resident:${id}`, account.id, 'owner', null)
  const biller = (await listBillers(ctx)).find(one => one.id === 'water')!
  const of = { biller: biller.nameZh, service: biller.serviceZh, accountMasked: `**** ${accountNo.slice(-4)}` }
  const resident: Ctx = { ...ctx, actor: { kind: 'resident', id, permissions: new Set(), provedAt: ctx.kernel.clock.now() } }
  const consent = { terms, wording: wordingOf('zh-CN', of, terms), isGiven: true }
  const idempotencyKey = newCode(ctx.kernel.random)
  return (await switchOnDebit(resident, { accountId: account.id, card, consent, idempotencyKey })).ok
}
