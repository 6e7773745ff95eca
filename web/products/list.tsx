import type { ProductBody, ProductState } from '#modules/billing/index.ts'
import { paths } from '#web/resident/paths.ts'
import { dateTime, yuan } from '#web/ui/format.ts'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Banner, Empty, LinkButton, LinkList, PhoneButton, Section, type Tone } from '#web/ui/parts.tsx'
import { nameOf, saysTerm } from './wording.ts'

export const STATE_TONES: Partial<Record<ProductState, Tone>> = {
  paying: 'warn',
  held: 'now',
  telling: 'now',
  working: 'now',
  done: 'ok',
  refused: 'bad',
}

export interface OrderingRow {
  href: string
  name: string
  accountMasked: string
  at: Date
  state: ProductState
}

export interface OffersView {
  service: string
  biller: string
  accountMasked: string
  /** Undefined when the company did not answer. */
  offers?: readonly { href: string; product: ProductBody }[]
  againHref: string
}

export interface ProductsView {
  orderings: readonly OrderingRow[]
  /** To choose from, when there is more than one. */
  accounts: readonly { href: string; service: string; accountMasked: string; nickname?: string }[]
  /** What the one account there is may order. */
  offers?: OffersView
  /** Where to sign in, for who did not. */
  signInHref?: string
}

/** The price and the term of an offer in one line: they are said before anything else. */
function Price({ product }: { product: ProductBody }) {
  const { t } = usePage()
  const parts = [
    product.price_fen === 0 ? t('product.price_free') : undefined,
    product.monthly_fen ? t('product.monthly_short', { amount: yuan(product.monthly_fen) }) : undefined,
    saysTerm(product)
      ? product.bound_months
        ? t('product.term_months', { months: product.bound_months })
        : t('product.term_none')
      : undefined,
    product.lasts_days ? t('product.lasts_days', { days: product.lasts_days }) : undefined,
  ]
  return <>{parts.filter(part => part !== undefined).join(t('list.comma'))}</>
}

function Offers({ view }: { view: OffersView }) {
  const { ctx, t } = usePage()
  if (!view.offers)
    return (
      <div class="stack">
        <Banner tone="warn" title={t('product.offline', { biller: view.biller })}>
          <p>{t('product.offline_text')}</p>
        </Banner>
        <LinkButton href={view.againHref} kind="secondary" wide>
          {t('product.again')}
        </LinkButton>
        <PhoneButton />
      </div>
    )
  if (view.offers.length === 0)
    return (
      <Empty title={t('product.empty')}>
        <p>{t('product.empty_text')}</p>
      </Empty>
    )
  return (
    <LinkList
      rows={view.offers.map(({ href, product }) => ({
        href,
        title: nameOf(ctx.lang, product),
        ...(product.price_fen > 0 && { amount: yuan(product.price_fen) }),
        note: <Price product={product} />,
      }))}
    />
  )
}

/** What was ordered and how it stands; then what can be ordered, dearest and cheapest in the company's own order. */
export function ProductsPage({ view }: { view: ProductsView }) {
  const { ctx, t } = usePage()
  return (
    <Layout back={{ href: paths.mine }}>
      <Heading title={t('product.title')} lead={t('product.lead')} />
      {view.signInHref && (
        <div class="stack">
          <p class="t-2">{t('product.sign_in_text')}</p>
          <LinkButton href={view.signInHref} wide>
            {t('sign_in.title')}
          </LinkButton>
        </div>
      )}
      {view.orderings.length > 0 && (
        <Section title={t('product.mine')}>
          <LinkList
            rows={view.orderings.map(o => ({
              href: o.href,
              title: o.name,
              note: (
                <>
                  {o.accountMasked}
                  <br />
                  {dateTime(ctx.lang, o.at)}
                </>
              ),
              tag: { text: t(`product.state_${o.state}`), ...(STATE_TONES[o.state] && { tone: STATE_TONES[o.state]! }) },
            }))}
          />
        </Section>
      )}
      {view.offers && (
        <Section title={t('product.list_title', { service: `${view.offers.service} ${view.offers.accountMasked}` })}>
          <Offers view={view.offers} />
        </Section>
      )}
      {view.accounts.length > 0 && (
        <Section title={t('product.accounts')}>
          <LinkList
            rows={view.accounts.map(a => ({
              href: a.href,
              title: a.nickname ?? a.service,
              note: `${a.nickname ? `${a.service} ` : ''}${a.accountMasked}`,
            }))}
          />
        </Section>
      )}
      {!view.signInHref && !view.offers && view.accounts.length === 0 && (
        <Empty title={t('product.none')}>
          <p>{t('product.none_text')}</p>
          <LinkButton href={paths.householdNew}>{t('product.add')}</LinkButton>
        </Empty>
      )}
    </Layout>
  )
}

export const productsPage = (ctx: PageContext, view: ProductsView): string =>
  renderPage(ctx, <ProductsPage view={view} />, { title: t(ctx.lang)('product.title') })

/** What one account may order. */
export function OffersPage({ view, backHref }: { view: OffersView; backHref: string }) {
  const { t } = usePage()
  return (
    <Layout back={{ href: backHref }}>
      <Heading title={t('product.list_title', { service: view.service })} lead={t('product.lead')} />
      <div class="stack">
        <p class="t-2">
          {view.biller} {view.accountMasked}
        </p>
        <Offers view={view} />
      </div>
    </Layout>
  )
}

export const offersPage = (ctx: PageContext, view: OffersView, backHref: string): string =>
  renderPage(ctx, <OffersPage view={view} backHref={backHref} />, { title: t(ctx.lang)('product.list_title', { service: view.service }) })
