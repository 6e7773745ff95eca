import { time } from '#web/ui/format.ts'
import { PostForm } from '#web/ui/forms.tsx'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Button, LinkButton, Money, Qr } from '#web/ui/parts.tsx'
import { MoneyBanner } from './money-state.tsx'

interface Amount {
  amountFen: number
  service: string
  periodLabel: string
  biller: string
  backHref: string
}

const Top = ({ view }: { view: Amount }) => {
  const { t } = usePage()
  return (
    <>
      <Money fen={view.amountFen} size="xl" />
      <p class="t-2">
        {t('bill.heading', { service: view.service, period: view.periodLabel })}
        <br />
        {view.biller}
      </p>
    </>
  )
}

export interface QrPayView extends Amount {
  /** What the wallet scans (`code_url`). */
  codeUrl: string
  way: string
  expiresAt: Date
  /** Waiting page: asks the channel at once. */
  checkHref: string
  pollHref: string
  /** The same as a stream of events. */
  liveHref: string
  cancelAction: string
  idempotencyKey: string
}

/** Native payment: the code is scanned with another telephone, or from a desktop screen. */
export function QrPayPage({ view }: { view: QrPayView }) {
  const { t } = usePage()
  return (
    <Layout back={{ href: view.backHref }}>
      <div class="bill-top" data-poll={view.pollHref} data-live={view.liveHref}>
        <h1 class="t-md">{t('qr.title')}</h1>
        <Top view={view} />
      </div>
      <div class="card stack qr-card">
        <Qr text={view.codeUrl} label={t('qr.label')} big />
        <p>{t('qr.lead', { way: view.way })}</p>
        <p class="t-2">
          {t('qr.expires', { at: time(view.expiresAt) })}
          <br />
          {t('qr.after')}
        </p>
      </div>
      <div class="sec stack">
        <LinkButton href={view.checkHref} wide>
          {t('qr.check')}
        </LinkButton>
        <PostForm action={view.cancelAction} idempotencyKey={view.idempotencyKey}>
          <Button kind="secondary" wide>
            {t('qr.cancel')}
          </Button>
        </PostForm>
      </div>
    </Layout>
  )
}

export const qrPayPage = (ctx: PageContext, view: QrPayView): string =>
  renderPage(ctx, <QrPayPage view={view} />, { title: t(ctx.lang)('qr.title'), scripts: ['poll.js'], refreshS: 15 })

export interface JsapiView extends Amount {
  /** Signed parameters of `getBrandWCPayRequest`. */
  params: Readonly<Record<'appId' | 'timeStamp' | 'nonceStr' | 'package' | 'signType' | 'paySign', string>>
  /** Inside a mini programme: the shell's own page, which opens the wallet. */
  shellPath?: string
  /** Waiting page, opened when the wallet says it is done; the server decides what is true. */
  afterHref: string
  /** POST: a code for another telephone instead. */
  codeAction: string
  cancelAction: string
  idempotencyKey: string
}

/** Inside WeChat: opens the wallet by its bridge; without script it says how to open a browser. */
export function JsapiPage({ view }: { view: JsapiView }) {
  const { t } = usePage()
  return (
    <Layout back={{ href: view.backHref }}>
      <div class="bill-top">
        <h1 class="t-md">{t('jsapi.title')}</h1>
        <Top view={view} />
      </div>
      <div
        class="stack"
        data-jsapi={view.shellPath ? '{}' : JSON.stringify(view.params)}
        data-shell={view.shellPath}
        data-after={view.afterHref}
      >
        <button type="button" class="btn btn--wide btn--big" hidden>
          {t('jsapi.pay')}
        </button>
        <noscript>
          <p>{t('jsapi.noscript')}</p>
        </noscript>
        <LinkButton href={view.afterHref} kind="secondary" wide>
          {t('qr.check')}
        </LinkButton>
        <PostForm action={view.codeAction} idempotencyKey={view.idempotencyKey}>
          <Button kind="secondary" wide>
            {t('open_browser.code')}
          </Button>
        </PostForm>
        <PostForm action={view.cancelAction} idempotencyKey={view.idempotencyKey}>
          <Button kind="quiet" wide>
            {t('qr.cancel')}
          </Button>
        </PostForm>
      </div>
    </Layout>
  )
}

export const jsapiPage = (ctx: PageContext, view: JsapiView): string =>
  renderPage(ctx, <JsapiPage view={view} />, { title: t(ctx.lang)('jsapi.title'), scripts: ['jsapi.js'] })

export interface CashSlipView extends Amount {
  /** Text of the code a window scans. */
  codeText: string
}

/** Cash at the window: the page that is shown there. */
export function CashSlipPage({ view }: { view: CashSlipView }) {
  const { t } = usePage()
  return (
    <Layout back={{ href: view.backHref }}>
      <Heading title={t('cash.title')} lead={t('cash.lead')} />
      <div class="card stack qr-card">
        <Qr text={view.codeText} label={t('cash.label')} big />
        <Top view={view} />
      </div>
      <div class="sec">
        <MoneyBanner state="not_charged" />
      </div>
    </Layout>
  )
}

export const cashSlipPage = (ctx: PageContext, view: CashSlipView): string =>
  renderPage(ctx, <CashSlipPage view={view} />, { title: t(ctx.lang)('cash.title') })
