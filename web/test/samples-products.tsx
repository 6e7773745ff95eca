import type { ProductBody, ProductState } from '#modules/billing/index.ts'
import { offersPage, productsPage } from '#web/products/list.tsx'
import { orderingPage } from '#web/products/ordering.tsx'
import { type ProductView, productPage } from '#web/products/product.tsx'
import { wordingOf } from '#web/products/wording.ts'
import { fieldError } from '#web/ui/field-errors.ts'
import type { PageContext } from '#web/ui/page.tsx'
import { pick, type Sample } from './sample-views.ts'

const of = (ctx: PageContext) => ({
  biller: pick(ctx, '梧桐里通信公司（示例）', 'Wutongli Telecom (sample)'),
  accountMasked: '**** 72GG',
})
const pack: ProductBody = {
  code: 'DATA20',
  version: '2026-09',
  name_zh: '20GB流量包',
  name_en: '20 GB data pack',
  price_fen: 2_000,
  lasts_days: 30,
  effective: 'at_once',
  includes_zh: ['全国流量20GB', '先用流量包，再用套餐里的流量'],
  includes_en: ['20 GB of data in the whole country', 'Used before the data of your plan'],
  ends_zh: '30天后自己结束，不会续订。',
  ends_en: 'Ends by itself after 30 days. It does not renew.',
  terms_zh: '一、流量包自办好时起30天内有效。\n二、到期自动结束，不会自动续订。',
  terms_en: '1. The pack is valid for 30 days.\n2. It ends by itself and does not renew.',
}
const plan: ProductBody = {
  ...pack,
  code: 'PLAN59',
  name_zh: '一家59元套餐',
  name_en: 'Family 59 plan',
  price_fen: 0,
  monthly_fen: 5_900,
  bound_months: 12,
  lasts_days: undefined,
  effective: 'next_month',
  group: 'plan',
  replaces_zh: '现在用的套餐',
  replaces_en: 'the plan you have now',
}
const offers = (ctx: PageContext) => ({
  ...of(ctx),
  service: pick(ctx, '通信费', 'Telecom'),
  againHref: '/mine/products/1',
  offers: [pack, plan].map(product => ({ product, href: `/mine/products/1/${product.code}` })),
})
const product = (ctx: PageContext, body: ProductBody, extra: Partial<ProductView> = {}): ProductView => ({
  ...of(ctx),
  product: body,
  backHref: '/mine/products/1',
  action: '/mine/products/1/DATA20',
  quote: 'q',
  idempotencyKey: '0192f3a4-0000-7000-8000-000000000002',
  ways: [{ id: 'wechat' }, { id: 'alipay' }],
  ...extra,
})
const at = new Date('2026-11-23T02:24:36Z')
const row = (ctx: PageContext, state: ProductState) => ({
  href: `/mine/orderings/${state}`,
  name: pick(ctx, pack.name_zh, pack.name_en!),
  accountMasked: '**** 72GG',
  at,
  state,
})
const ordering = (ctx: PageContext, state: ProductState, extra: object = {}) =>
  orderingPage(ctx, {
    ...row(ctx, state),
    ...of(ctx),
    isFree: false,
    wording: wordingOf(ctx.lang, of(ctx), pack),
    wordingLang: ctx.lang,
    paymentHref: '/o/1',
    offerHref: '/mine/products/1/DATA20',
    ...extra,
  })

/** Pages of what can be ordered and what was. */
export const productSamples: readonly Sample[] = [
  {
    name: 'products',
    render: ctx =>
      productsPage(ctx, {
        orderings: [row(ctx, 'working'), row(ctx, 'done'), row(ctx, 'refused')],
        accounts: [],
        offers: offers(ctx),
      }),
  },
  {
    name: 'products-accounts',
    render: ctx =>
      productsPage(ctx, {
        orderings: [],
        accounts: ['72GG', '90KX'].map(no => ({
          href: `/mine/products/${no}`,
          service: pick(ctx, '通信费', 'Telecom'),
          accountMasked: `**** ${no}`,
        })),
      }),
  },
  { name: 'products-empty', render: ctx => productsPage(ctx, { orderings: [], accounts: [] }) },
  { name: 'products-sign-in', render: ctx => productsPage(ctx, { orderings: [], accounts: [], signInHref: '/sign-in' }) },
  { name: 'products-offers', render: ctx => offersPage(ctx, offers(ctx), '/mine/products') },
  {
    name: 'products-away',
    render: ctx => {
      const { offers: _, ...away } = offers(ctx)
      return offersPage(ctx, away, '/mine/products')
    },
  },
  { name: 'product', render: ctx => productPage(ctx, product(ctx, pack)) },
  { name: 'product-free', render: ctx => productPage(ctx, product(ctx, plan)) },
  { name: 'product-error', render: ctx => productPage(ctx, product(ctx, pack, { errors: [fieldError(ctx.lang, 'productConsent')] })) },
  { name: 'product-ordered', render: ctx => productPage(ctx, product(ctx, pack, { orderingHref: '/mine/orderings/1' })) },
  { name: 'ordering-held', render: ctx => ordering(ctx, 'held', { isFree: true, undo: { action: '/x', until: at } }) },
  { name: 'ordering-working', render: ctx => ordering(ctx, 'working') },
  {
    name: 'ordering-refused',
    render: ctx => ordering(ctx, 'refused', { failure: pick(ctx, '这个户号欠费，暂时不能办', 'This account owes money') }),
  },
]
