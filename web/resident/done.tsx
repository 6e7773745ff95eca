import { dateTime, dayWithYear, duration, time, yuan } from '#web/ui/format.ts'
import { PostForm } from '#web/ui/forms.tsx'
import { Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Banner, Button, Icon, LinkButton, LinkList, Section, Steps } from '#web/ui/parts.tsx'
import { Receipt, type ReceiptView } from '#web/ui/receipt.tsx'
import { paths } from './paths.ts'

export interface UndoView {
  until: Date
  secondsLeft: number
  secondsTotal: number
  action: string
  idempotencyKey: string
}

interface BackView {
  amountFen: number
  stage: 'biller' | 'channel' | 'stuck' | 'done'
  doneAt?: Date
  cause: 'undone' | 'agreed' | 'refused' | 'beside' | 'part'
  /** Where it goes: the wallet that paid. */
  way: string
}

export interface DoneView {
  receipt: ReceiptView
  /** What the biller knows: held during the undo window, then sent, posted or refused. */
  posting: 'held' | 'sent' | 'posted' | 'refused' | 'kept'
  /** With `sent`: when the biller will have it at the latest. */
  postedBy: Date
  /** Until then it is held, and can be undone. */
  heldUntil: Date
  proof: 'pending' | 'anchored'
  undo?: UndoView
  /** Asked by script whether something here has changed; `firstMs` when that is a matter of moments. */
  poll?: { href: string; firstMs?: number }
  refreshS?: number
  /** Set once the payment was undone or goes back for another reason. */
  refund?: BackView
  /** Paid beside what was owed, and going back: the payment itself stands. */
  extra?: BackView
  /** Only a part of the bill was paid: what is left of it. */
  rest?: { amountFen: number; href: string }
  /** A part of a payment that stands. */
  part?: BackView
  /** A request made after the time to undo, and its answer. */
  rescue?: { state: 'asked' | 'returned' | 'declined'; href: string; answerBy?: string; answer?: string }
  links: {
    print80: string
    printA4: string
    pdf: string
    json: string
    wrongPayment?: string
    autoDebit?: string
    ordering?: string
    taxInvoice?: string
    /** The bill, open again after its money went back. */
    again?: string
  }
}

function PostingLine({ view }: { view: DoneView }) {
  const { ctx, t } = usePage()
  const { posting } = view
  if (posting === 'kept') return <>{t('prepaid.kept')}</>
  const { biller } = view.receipt
  const times = { biller, when: posting === 'held' ? time(view.heldUntil) : dateTime(ctx.lang, view.postedBy) }
  return <>{view.links.ordering ? t(`product.posting_${posting}`, times) : t(`done.posting_${posting}`, times)}</>
}

/** Undo within its time; the island only counts down what the server said. */
export function Undo({ view }: { view: UndoView }) {
  const { ctx, t } = usePage()
  return (
    <section
      class="sec card stack no-print"
      aria-label={t('done.undo_heading')}
      data-undo={`${view.secondsLeft}/${view.secondsTotal}`}
      data-units={t('done.undo_units')}
    >
      <div class="spread spread--base">
        <h2>{t('done.undo_heading')}</h2>
        <span class="t-2">
          {t('done.undo_left')} <b data-left>{duration(ctx.lang, view.secondsLeft)}</b>
        </span>
      </div>
      <svg class="bar" aria-hidden="true">
        <rect class="bar__track" width="100%" height="8" rx="4" />
        <rect class="bar__fill" data-bar width={`${Math.round((100 * view.secondsLeft) / view.secondsTotal)}%`} height="8" rx="4" />
      </svg>
      <p class="t-2">{t('done.undo_text', { until: time(view.until) })}</p>
      <PostForm action={view.action} idempotencyKey={view.idempotencyKey}>
        <Button kind="secondary" icon="undo" wide>
          {t('done.undo')}
        </Button>
      </PostForm>
    </section>
  )
}

const backTones = { biller: 'warn', channel: 'warn', stuck: 'bad', done: 'ok' } as const

function BackBanner({ back, biller }: { back: BackView; biller: string }) {
  const { ctx, t } = usePage()
  const title = t(back.cause === 'beside' ? 'done.extra' : back.stage === 'done' ? 'done.refunded' : 'done.refund', {
    amount: yuan(back.amountFen),
  })
  return (
    <Banner tone={backTones[back.stage]} title={title}>
      <p>
        {back.stage === 'done' && back.doneAt
          ? t('done.refund_done', { at: dateTime(ctx.lang, back.doneAt), way: back.way })
          : t(`done.back_${back.stage}`, { way: back.way, biller })}
      </p>
    </Banner>
  )
}

function RescueBanner({ rescue, biller }: { rescue: NonNullable<DoneView['rescue']>; biller: string }) {
  const { ctx, t } = usePage()
  const state = { asked: 'asked', returned: 'agreed', declined: 'refused' } as const
  return (
    <Banner tone={rescue.state === 'declined' ? 'bad' : 'now'} title={t(`done.rescue_${state[rescue.state]}`, { biller })}>
      {rescue.answerBy && <p>{t('done.rescue_by', { day: dayWithYear(ctx.lang, rescue.answerBy) })}</p>}
      {rescue.answer && <p>{t('done.rescue_answer', { answer: rescue.answer })}</p>}
      <p>
        <a href={rescue.href}>{t('wrong.outcome_title')}</a>
      </p>
    </Banner>
  )
}

const headings = { undone: 'done.heading_undone', agreed: 'done.heading_back', refused: 'done.heading_back' } as const

function headingOf({ refund }: DoneView) {
  if (!refund || refund.cause === 'beside' || refund.cause === 'part') return 'done.heading'
  return refund.stage === 'done' ? 'done.heading_returned' : headings[refund.cause]
}

export function DonePage({ view }: { view: DoneView }) {
  const { t } = usePage()
  const { links, refund, extra, part, rescue } = view
  const { biller } = view.receipt
  const heading = headingOf(view)
  return (
    <Layout back={{ href: paths.home, text: t('layout.home') }}>
      <Steps
        names={[
          t(view.posting === 'kept' ? 'prepaid.amount' : links.ordering ? 'product.step' : 'pay.step_scan'),
          t('pay.step_check'),
          t('pay.step_done'),
        ]}
        at={3}
      />
      <div class="done-head" data-poll={view.poll?.href} data-poll-ms={view.poll?.firstMs}>
        <div class={`mark${refund ? ' mark--undone' : ''}`}>
          <Icon name={refund ? 'undo' : 'check'} />
        </div>
        <h1>{t(links.ordering && heading === 'done.heading' ? 'product.heading_paid' : heading)}</h1>
        {!refund && (
          <p class="t-2">
            <PostingLine view={view} />
          </p>
        )}
      </div>
      <div class="stack">
        {view.rest && (
          <Banner tone="now" title={t('part.receipt_left', { amount: yuan(view.rest.amountFen) })}>
            <LinkButton href={view.rest.href} kind="link">
              {t('part.receipt_go')}
            </LinkButton>
          </Banner>
        )}
        {refund && <BackBanner back={refund} biller={biller} />}
        {extra && <BackBanner back={extra} biller={biller} />}
        {part && <BackBanner back={part} biller={biller} />}
        {rescue && <RescueBanner rescue={rescue} biller={biller} />}
        <Receipt view={view.receipt} note={t(`done.proof_${view.proof}`)} />
      </div>
      {view.undo && !refund && <Undo view={view.undo} />}
      <Section title={t('done.keep')} noPrint>
        <div class="btns btns--fill">
          <LinkButton href={links.print80} kind="secondary" icon="print">
            {t('done.print80')}
          </LinkButton>
          <LinkButton href={links.printA4} kind="secondary" icon="print">
            {t('done.print_a4')}
          </LinkButton>
          <LinkButton href={links.pdf} kind="secondary" icon="file" download>
            {t('done.pdf')}
          </LinkButton>
          <LinkButton href={links.json} kind="secondary" icon="lock" download>
            {t('done.json')}
          </LinkButton>
        </div>
      </Section>
      <div class="sec no-print">
        <LinkList
          rows={[
            ...(links.wrongPayment && !refund && !view.undo
              ? [{ href: links.wrongPayment, title: t('done.wrong'), note: t('done.wrong_note') }]
              : []),
            ...(links.again ? [{ href: links.again, title: t('done.again') }] : []),
            ...(links.taxInvoice ? [{ href: links.taxInvoice, title: t('invoice.title'), note: t('invoice.note') }] : []),
            ...(links.autoDebit && !refund
              ? [{ href: links.autoDebit, title: t('done.auto', { service: view.receipt.service }), note: t('done.auto_note') }]
              : []),
            ...(links.ordering
              ? [{ href: links.ordering, title: t(view.posting === 'kept' ? 'prepaid.see' : 'product.see_ordering') }]
              : []),
            { href: paths.payments, title: t('err.see_payments') },
          ]}
        />
      </div>
    </Layout>
  )
}

export const donePage = (ctx: PageContext, view: DoneView): string =>
  renderPage(ctx, <DonePage view={view} />, {
    title: t(ctx.lang)(headingOf(view)),
    scripts: view.undo || view.poll ? ['poll.js'] : [],
    ...(view.refreshS && { refreshS: view.refreshS }),
  })
