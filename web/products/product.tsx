import type { ProductBody } from '#modules/billing/index.ts'
import type { WayId } from '#web/resident/bill.tsx'
import { yuan } from '#web/ui/format.ts'
import { Choices, ConsentBox, ErrorSummary, type FieldError, PostForm } from '#web/ui/forms.tsx'
import { Layout } from '#web/ui/layout.tsx'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Banner, Button, LinkButton, Money, Section, SummaryList } from '#web/ui/parts.tsx'
import { courseFacts, includesOf, nameOf, priceFacts, termsOf, type WordingOf } from './wording.ts'

export interface ProductView extends WordingOf {
  product: ProductBody
  backHref: string
  action: string
  quote: string
  idempotencyKey: string
  ways: readonly { id: WayId }[]
  /** Inside WeChat the form says whether script runs. */
  isInWechat?: true
  /** The same is being ordered already. */
  orderingHref?: string
  errors?: readonly FieldError[]
}

/** The terms as the company wrote them, a line a paragraph. */
export function Terms({ text, lang }: { text: string; lang?: string }) {
  return (
    <div class="card stack stack--tight" lang={lang}>
      {text.split('\n').map(line => (
        <p key={line}>{line}</p>
      ))}
    </div>
  )
}

/** What it costs, as the largest thing on the page: now, or else on each later bill. */
function Price({ product }: { product: ProductBody }) {
  const { t } = usePage()
  if (product.price_fen > 0) return <Money fen={product.price_fen} size="xl" />
  if (!product.monthly_fen) return <p class="t-md">{t('product.price_free')}</p>
  return (
    <>
      <Money fen={product.monthly_fen} size="xl" />
      <p>{t('product.monthly_head')}</p>
    </>
  )
}

/** The box and the one button; there is nothing to agree to while the same is being ordered. */
function Agree({ view }: { view: ProductView }) {
  const { t } = usePage()
  const { product } = view
  const isFree = product.price_fen === 0
  return (
    <div class="sec">
      <PostForm action={view.action} id="pay" quote={view.quote} idempotencyKey={view.idempotencyKey} class="stack stack--loose">
        <ConsentBox name="consent" label={t('product.consent')} {...(view.errors && { errors: view.errors })} />
        {!isFree && (
          <Choices
            name="way"
            legend={t('bill.way')}
            {...(view.ways[0] && { chosen: view.ways[0].id })}
            choices={view.ways.map(way => ({ value: way.id, label: t(`way.${way.id}`) }))}
            {...(view.errors && { errors: view.errors })}
          />
        )}
        <Button wide big>
          {isFree ? t('product.order_free') : t('product.pay', { amount: yuan(product.price_fen) })}
        </Button>
      </PostForm>
    </div>
  )
}

/** Price and term first, then what it is, then every word of the terms; beneath them a box nobody ticked, and the one button, which is not in reach before. */
export function ProductPage({ view }: { view: ProductView }) {
  const { ctx, t } = usePage()
  const { product } = view
  return (
    <Layout back={{ href: view.backHref }}>
      <ErrorSummary errors={view.errors} />
      <section class="bill-top">
        <h1 class="t-md">{nameOf(ctx.lang, product)}</h1>
        <Price product={product} />
        <p class="t-2">
          {view.biller}
          <br />
          {view.accountMasked}
        </p>
      </section>
      <div class="stack">
        {view.orderingHref && (
          <Banner tone="warn" title={t('product.error_ordered')}>
            <LinkButton href={view.orderingHref} kind="link">
              {t('product.see_ordering')}
            </LinkButton>
          </Banner>
        )}
        <div class="card">
          <SummaryList rows={[...priceFacts(ctx.lang, product), ...courseFacts(ctx.lang, product)]} />
        </div>
      </div>
      <Section title={t('product.includes')}>
        <ul class="card stack stack--tight">
          {includesOf(ctx.lang, product).map(item => (
            <li key={item}>{item}</li>
          ))}
        </ul>
      </Section>
      <Section title={t('product.terms')}>
        <div class="stack">
          <Terms text={termsOf(ctx.lang, product)} />
          <p class="t-3">
            {t('product.terms_of', { biller: view.biller, version: product.version })}
            <br />
            {t('product.terms_hold')}
          </p>
          <p class="t-2">{t('product.undo_note')}</p>
        </div>
      </Section>
      {!view.orderingHref && <Agree view={view} />}
    </Layout>
  )
}

export const productPage = (ctx: PageContext, view: ProductView): string =>
  renderPage(ctx, <ProductPage view={view} />, {
    title: nameOf(ctx.lang, view.product),
    hasError: !!view.errors?.length,
    ...(view.isInWechat && { scripts: ['jsapi.js'] as const }),
  })
