import { batchesPage, batchPage } from '#web/debits/desk.tsx'
import { type DebitView, debitPage, debitsPage } from '#web/debits/list.tsx'
import { type MandateView, mandatePage, offPage } from '#web/debits/mandate.tsx'
import { mandateLines } from '#web/debits/wording.ts'
import { fieldError } from '#web/ui/field-errors.ts'
import type { PageContext } from '#web/ui/page.tsx'
import { pick, type Sample } from './sample-views.ts'

const of = (ctx: PageContext) => ({
  service: pick(ctx, '水费', 'Water'),
  biller: pick(ctx, '梧桐里自来水公司（示例）', 'Wutongli Water (sample)'),
  accountMasked: '**** 2817',
})
const terms = { ceilingFen: 50_000, daysBefore: 3, untilOn: null }
const mandate = (ctx: PageContext, extra: Partial<MandateView> = {}): MandateView => ({
  ...of(ctx),
  terms,
  action: '/mine/debits',
  idempotencyKey: '0192f3a4-0000-7000-8000-000000000002',
  hidden: { account: '1' },
  ceilings: [20_000, 50_000, 100_000],
  days: [3, 1, 0],
  untils: [null, '2027-11-23'],
  next: { day: '2026-11-27', amountFen: 13_195, isOverCeiling: false },
  backHref: '/mine/debits',
  ...extra,
})
const debit = (ctx: PageContext, extra: Partial<DebitView> = {}): DebitView => ({
  ...of(ctx),
  ...terms,
  href: '/mine/debits/1',
  offHref: '/mine/debits/1/off',
  againHref: '/mine/debits/new?account=1',
  card: '1111',
  state: 'active',
  next: { day: '2026-11-27', amountFen: 13_195, isOverCeiling: false },
  items: [
    { day: '2026-09-25', period: pick(ctx, '2026年7–8月', 'Jul–Aug 2026'), amountFen: 11_470, outcome: 'debited' },
    { day: '2026-09-24', period: pick(ctx, '2026年7–8月', 'Jul–Aug 2026'), amountFen: 11_470, outcome: 'failed', failure: 'insufficient' },
  ],
  ...extra,
})
const sum = (count: number, fen: number) => ({ count, fen })
const batch = {
  href: '/staff/debits/1',
  batchNo: '202611240001',
  day: '2026-11-24',
  state: 'returned' as const,
  rows: 214,
  totalFen: 2_815_400,
  debited: sum(198, 2_610_020),
  failed: sum(15, 198_380),
  returned: sum(0, 0),
  unknown: sum(1, 7_000),
  isLate: false,
}
const file = {
  kind: 'O',
  name: 'YM_demobank_202611240001_O.txt',
  sha256: 'bee79a260ab6c5d9'.repeat(4),
  rows: 214,
  totalFen: 2_815_400,
  at: new Date('2026-11-24T00:00:10Z'),
}

/** Pages of auto-debit, for residents and the desk. */
export const debitSamples: readonly Sample[] = [
  { name: 'debit-new', render: ctx => mandatePage(ctx, mandate(ctx)) },
  { name: 'debit-new-error', render: ctx => mandatePage(ctx, mandate(ctx, { errors: [fieldError(ctx.lang, 'debitConsent')] })) },
  { name: 'debit-change', render: ctx => mandatePage(ctx, mandate(ctx, { change: { card: '1111' } })) },
  {
    name: 'debit-off',
    render: ctx =>
      offPage(ctx, {
        ...of(ctx),
        card: '1111',
        action: '/mine/debits/1/off',
        pending: [
          { day: '2026-11-24', amountFen: 13_195, isAtBank: true },
          { day: '2026-11-25', amountFen: 8_800, isAtBank: false },
        ],
      }),
  },
  {
    name: 'debits',
    render: ctx =>
      debitsPage(ctx, {
        notice: { kind: 'on', service: of(ctx).service },
        atBank: [],
        debits: [
          debit(ctx),
          debit(ctx, {
            href: '/mine/debits/2',
            offHref: '/mine/debits/2/off',
            accountMasked: '**** 0042',
            state: 'suspended',
            why: 'account_closed',
          }),
          debit(ctx, { href: '/mine/debits/3', state: 'ended' }),
        ],
        offers: [{ href: '/mine/debits/new?account=4', service: pick(ctx, '燃气费', 'Gas'), accountMasked: '**** 7781' }],
      }),
  },
  { name: 'debits-empty', render: ctx => debitsPage(ctx, { atBank: [], debits: [], offers: [] }) },
  {
    name: 'debit',
    render: ctx =>
      debitPage(ctx, {
        ...debit(ctx),
        changeHref: '/mine/debits/1/change',
        wording: mandateLines(ctx.lang, of(ctx)),
        consentedOn: '2026-08-02',
        version: 1,
      }),
  },
  {
    name: 'staff-debits',
    surface: 'desk',
    render: ctx =>
      batchesPage(
        { ...ctx, signedIn: { name: pick(ctx, '张敏', 'Zhang Min') } },
        { batches: [batch], loose: [{ ...file, kind: '?', name: 'demobank_R.txt' }] },
      ),
  },
  {
    name: 'staff-debit-batch',
    surface: 'desk',
    render: ctx =>
      batchPage(
        { ...ctx, signedIn: { name: pick(ctx, '张敏', 'Zhang Min') } },
        {
          ...batch,
          sha256: file.sha256,
          failures: [{ text: pick(ctx, '余额不够', 'not enough money'), count: 15 }],
          files: [file],
          list: [
            {
              seq: 1,
              orderNo: 'y00106h0n8sxg1x',
              href: '/staff/orders/1',
              purpose: '',
              state: 'debited',
              bankNo: 'D2026',
              amountFen: 13_195,
            },
            {
              seq: 2,
              orderNo: 'y00106h0n8sxg1y',
              purpose: '',
              state: 'failed',
              why: pick(ctx, '余额不够', 'not enough money'),
              bankNo: '',
              amountFen: 8_800,
            },
          ],
        },
      ),
  },
]
