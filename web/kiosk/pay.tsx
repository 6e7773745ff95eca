import { type BillView, FeeLines, PrecheckBanner } from '#web/resident/bill.tsx'
import { type PrintView, ReceiptPaper } from '#web/resident/receipt-print.tsx'
import { dateTime, time, yuan } from '#web/ui/format.ts'
import { Hidden, PostForm } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { Banner, Button, Icon, Money, Qr } from '#web/ui/parts.tsx'
import { type FrameOptions, Hello, type KioskPageContext, PAYING_IDLE_S, screen } from './frame.tsx'
import { kioskPaths } from './paths.ts'

export type Way = 'wechat' | 'alipay'

export interface CheckView {
  bill: Omit<BillView, 'ways'>
  ways: readonly Way[]
  /** Paid before: when, and on which channel. */
  paid?: { at: Date; way: string }
  /** What went wrong with the last press. */
  notice?: 'channel' | 'changed' | 'again'
}

/** What is to pay and why; one press on a wallet shows its code. */
export const checkPage = (ctx: KioskPageContext, view: CheckView): string => {
  const say = t(ctx.lang)
  const { bill, paid } = view
  const isStopped = !!paid || bill.precheck.some(check => check.level === 'stop')
  return screen(
    ctx,
    { name: 'check', scans: true },
    say('kiosk.check_title'),
    <>
      <Hello title={say('bill.heading', { service: bill.service, period: bill.periodLabel })}>
        <p>
          {bill.biller}
          <br />
          {bill.who}
        </p>
      </Hello>
      <div class="kiosk__sum">
        <Money fen={bill.amountFen} size="xl" />
      </div>
      {view.notice && <Banner tone="warn" title={say(`kiosk.notice_${view.notice}`)} live />}
      {paid ? (
        <Banner tone="ok" title={say('kiosk.paid_title')}>
          <p>{say('kiosk.paid_text', { at: dateTime(ctx.lang, paid.at), way: paid.way })}</p>
        </Banner>
      ) : (
        bill.precheck.filter(check => check.level !== 'ok').map(({ href: _, ...check }) => <PrecheckBanner key={check.key} check={check} />)
      )}
      <div class="kiosk__lines">
        <FeeLines view={bill} />
      </div>
      <div class="kiosk__acts">
        {isStopped ? (
          <PostForm action={kioskPaths.wipe}>
            <Hidden name="why" value="finished" />
            <Button wide big>
              {say('kiosk.finish')}
            </Button>
          </PostForm>
        ) : (
          <PostForm action={kioskPaths.pay} idempotencyKey={bill.idempotencyKey} quote={bill.quote} class="kiosk__ways">
            {view.ways.map((way, i) => (
              <Button key={way} wide big name="way" value={way} kind={i === 0 ? undefined : 'secondary'}>
                <span>
                  {say(`kiosk.pay_${way}`)} <span class="keep">{say('home.due_amount', { amount: yuan(bill.amountFen) })}</span>
                </span>
              </Button>
            ))}
          </PostForm>
        )}
      </div>
    </>,
  )
}

export interface QrView {
  amountFen: number
  service: string
  periodLabel: string
  biller: string
  way: Way
  wayName: string
  /** What the wallet scans; absent while it is not known whether the channel took the order. */
  codeUrl?: string
  expiresAt: Date
  /** The other wallet, where there is one. */
  other?: Way
  /** Money came in an amount of its own: staff decide, nothing is to be given up. */
  isOdd?: boolean
}

/** The code to scan with a telephone. The page goes on by itself. */
export const qrPage = (ctx: KioskPageContext, view: QrView): string => {
  const say = t(ctx.lang)
  const frame: FrameOptions = { name: 'pay', idle_s: PAYING_IDLE_S, isUnsure: !view.codeUrl && !view.isOdd }
  return screen(
    ctx,
    frame,
    say('kiosk.qr_title', { way: view.wayName }),
    <>
      <Hello title={view.codeUrl ? say('kiosk.qr_title', { way: view.wayName }) : say('waiting.heading')}>
        <p>
          {say('bill.heading', { service: view.service, period: view.periodLabel })}
          <br />
          {view.biller}
        </p>
      </Hello>
      <div class="kiosk__sum">
        <Money fen={view.amountFen} size="xl" />
      </div>
      {view.codeUrl ? (
        <div class="kqr">
          <Qr text={view.codeUrl} label={say('qr.label')} big />
          <p role="status">{say('kiosk.qr_wait')}</p>
          <p class="t-2">{say('qr.expires', { at: time(view.expiresAt) })}</p>
        </div>
      ) : (
        <Banner title={say(view.isOdd ? 'kiosk.odd_title' : 'kiosk.sure_title')}>
          <p>{say(view.isOdd ? 'kiosk.odd_text' : 'kiosk.sure_text')}</p>
        </Banner>
      )}
      {!view.isOdd && (
        <div class="kiosk__acts kiosk__acts--two">
          {view.other && (
            <PostForm action={kioskPaths.other}>
              <Button kind="secondary" wide name="way" value={view.other}>
                {say(`kiosk.change_${view.other}`)}
              </Button>
            </PostForm>
          )}
          <PostForm action={kioskPaths.cancel}>
            <Button kind="secondary" wide>
              {say('kiosk.qr_cancel')}
            </Button>
          </PostForm>
        </div>
      )}
    </>,
  )
}

export interface DoneView {
  paper: Omit<PrintView, 'backHref'>
  wayName: string
  /** Until when the payer can take the payment back here. */
  undo?: { until: Date; idempotencyKey: string }
  /** The money is on its way back, or is back. */
  isBack: boolean
}

/** Paid: the number, a slip, and everything gone with one press. */
export const donePage = (ctx: KioskPageContext, view: DoneView): string => {
  const say = t(ctx.lang)
  const { receipt } = view.paper
  return screen(
    ctx,
    { name: 'done', scans: true },
    say(view.isBack ? 'kiosk.back_title' : 'kiosk.done_title'),
    <>
      <div class="kiosk__hello kiosk__hello--done">
        {!view.isBack && (
          <span class="mark">
            <Icon name="check" />
          </span>
        )}
        <h1>{say(view.isBack ? 'kiosk.back_title' : 'kiosk.done_title')}</h1>
        <p>{say('bill.heading', { service: receipt.service, period: receipt.periodLabel })}</p>
        <Money fen={receipt.amountFen} size="xl" />
        <p>
          {say('done.receipt_no')} <b class="keep">{receipt.receiptNo}</b>
        </p>
        {view.isBack && <p>{say('kiosk.back_text', { way: view.wayName })}</p>}
      </div>
      <div class="kiosk__take">
        <Qr text={receipt.verifyUrl} label={say('done.qr')} />
        <p>{say('kiosk.take')}</p>
      </div>
      <div class="kiosk__acts">
        <button type="button" class="btn btn--wide btn--big" data-slip={kioskPaths.printed}>
          <Icon name="print" />
          {say('kiosk.print')}
        </button>
        <PostForm action={kioskPaths.wipe}>
          <Hidden name="why" value="finished" />
          <Button kind="secondary" wide big>
            {say('kiosk.finish')}
          </Button>
        </PostForm>
        {view.undo && (
          <PostForm action={kioskPaths.undo} idempotencyKey={view.undo.idempotencyKey}>
            <Button kind="quiet" wide>
              {say('kiosk.undo', { at: time(view.undo.until) })}
            </Button>
          </PostForm>
        )}
      </div>
      <section class="paper paper--80mm" aria-hidden="true">
        <ReceiptPaper view={view.paper} isPart />
      </section>
    </>,
  )
}
