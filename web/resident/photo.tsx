import { yuan } from '#web/ui/format.ts'
import { Choices, ErrorSummary, Field, type FieldError, FileField, Hidden, PostForm } from '#web/ui/forms.tsx'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Banner, Button, LinkButton, SummaryList, Tag } from '#web/ui/parts.tsx'
import { paths } from './paths.ts'

/** Named one by one, so that telephones which keep their pictures in another format turn them into one of these. */
const ACCEPT = 'image/jpeg,image/png,image/webp'

export interface PhotoView {
  errors?: readonly FieldError[]
}

/** A bill instead of its number: by the camera, or a picture that is there already. */
export function PhotoPage({ view }: { view: PhotoView }) {
  const { t } = usePage()
  return (
    <Layout back={{ href: paths.pay }}>
      <ErrorSummary errors={view.errors} />
      <Heading title={t('photo.title')} lead={t('photo.lead')} />
      <PostForm action={paths.photo} class="stack" hasFile>
        <FileField name="file" label={t('photo.camera')} hint={t('photo.file_hint')} accept={ACCEPT} isCamera errors={view.errors} />
        <Button wide big>
          {t('photo.read')}
        </Button>
      </PostForm>
      <PostForm action={paths.photo} class="sec stack" hasFile>
        <FileField name="file" id="album" label={t('photo.album')} hint={t('photo.album_hint')} accept={ACCEPT} />
        <Button wide kind="secondary">
          {t('photo.read')}
        </Button>
      </PostForm>
      <p class="sec">
        <LinkButton href={paths.pay} kind="link">
          {t('photo.typed')}
        </LinkButton>
      </p>
    </Layout>
  )
}

export const photoPage = (ctx: PageContext, view: PhotoView = {}): string =>
  renderPage(ctx, <PhotoPage view={view} />, { title: t(ctx.lang)('photo.title'), hasError: !!view.errors?.length })

/** Something read, as text, and whether a mistake in it would have shown. */
export interface ReadText {
  text: string
  isSure: boolean
}

export interface PhotoReadView {
  billers: readonly { id: string; service: string; name: string }[]
  biller?: { id: string; isSure: boolean }
  account?: ReadText
  amount?: ReadText
  period?: ReadText
  billNo?: ReadText
  /** What goes along to be compared with the bill. */
  kept: Readonly<Record<string, string>>
  /** A number that has letters gets the full keyboard. */
  hasLetters?: boolean
  errors?: readonly FieldError[]
}

/** What was read, for show: only biller and account number lead anywhere. */
function ReadRows({ view, chosen }: { view: PhotoReadView; chosen: PhotoReadView['billers'][number] | undefined }) {
  const { t } = usePage()
  const row = (label: string, read: ReadText | undefined) =>
    read
      ? [
          {
            label,
            value: (
              <>
                {read.text} {!read.isSure && <Tag tone="warn">{t('photo.unsure')}</Tag>}
              </>
            ),
          },
        ]
      : []
  const rows = [
    ...(chosen ? [{ label: t('photo.biller'), value: chosen.name }] : []),
    ...row(t('photo.amount'), view.amount),
    ...row(t('photo.period'), view.period),
    ...row(t('photo.bill_no'), view.billNo),
  ]
  if (rows.length === 0) return null
  return (
    <div class="card stack">
      <SummaryList rows={rows} />
      <p class="hint">{t('photo.amount_note')}</p>
    </div>
  )
}

/** What was read off the picture, for the person to look over; biller and account number can be changed. */
export function PhotoReadPage({ view }: { view: PhotoReadView }) {
  const { t } = usePage()
  const { biller, account } = view
  const chosen = biller?.isSure ? view.billers.find(one => one.id === biller.id) : undefined
  const unsure = [
    ...(chosen ? [] : [t('photo.biller')]),
    ...(account?.isSure ? [] : [t('account.label')]),
    ...(view.amount && !view.amount.isSure ? [t('photo.amount')] : []),
    ...(view.period && !view.period.isSure ? [t('photo.period')] : []),
  ]
  const hint = account ? (account.isSure ? 'photo.account_sure' : 'photo.account_unsure') : 'photo.account_none'
  return (
    <Layout back={{ href: paths.photo }}>
      <ErrorSummary errors={view.errors} />
      <Heading title={t('photo.check_title')} lead={t('photo.check_lead')} />
      {unsure.length > 0 && (
        <Banner tone="warn" title={t('photo.unsure_title', { n: unsure.length })}>
          <p>{t('photo.unsure_text', { what: unsure.join(t('list.comma')) })}</p>
        </Banner>
      )}
      <PostForm action={paths.photoBill} class="sec stack stack--loose">
        {Object.entries(view.kept).map(([name, value]) => (
          <Hidden key={name} name={name} value={value} />
        ))}
        {chosen ? (
          <Hidden name="biller" value={chosen.id} />
        ) : (
          <Choices
            name="biller"
            legend={t('photo.biller')}
            choices={view.billers.map(one => ({ value: one.id, label: one.service, note: one.name }))}
            chosen={biller?.id}
            errors={view.errors}
          />
        )}
        <Field
          name="account"
          label={t('account.label')}
          hint={t(hint)}
          value={account?.text}
          inputMode={view.hasLetters ? 'text' : 'numeric'}
          maxLength={40}
          errors={view.errors}
        />
        <ReadRows view={view} chosen={chosen} />
        <Button wide big>
          {t('action.continue')}
        </Button>
      </PostForm>
      <div class="sec stack">
        <p>
          <LinkButton href={paths.photo} kind="link">
            {t('photo.again')}
          </LinkButton>
        </p>
        <p>
          <LinkButton href={paths.pay} kind="link">
            {t('photo.typed')}
          </LinkButton>
        </p>
      </div>
    </Layout>
  )
}

export const photoReadPage = (ctx: PageContext, view: PhotoReadView): string =>
  renderPage(ctx, <PhotoReadPage view={view} />, { title: t(ctx.lang)('photo.check_title'), hasError: !!view.errors?.length })

export interface PhotoDiffersView {
  href: string
  /** What the picture says and what the bill says, where they are not the same. */
  amount?: { readFen: number; billFen: number }
  period?: { read: string; bill: string }
}

/** The picture and the bill do not agree: said before anything goes on. */
export function PhotoDiffersPage({ view }: { view: PhotoDiffersView }) {
  const { t } = usePage()
  const pair = (read: string, label: 'photo.now' | 'photo.on_bill', bill: string) => (
    <>
      {t('photo.on_photo')} {read}
      <br />
      <b>
        {t(label)} {bill}
      </b>
    </>
  )
  return (
    <Layout back={{ href: paths.photo }}>
      <Heading title={t('photo.differs_title')} lead={t('photo.differs_lead')} />
      <div class="card stack">
        <SummaryList
          rows={[
            ...(view.amount
              ? [{ label: t('photo.amount'), value: pair(`¥${yuan(view.amount.readFen)}`, 'photo.now', `¥${yuan(view.amount.billFen)}`) }]
              : []),
            ...(view.period ? [{ label: t('photo.period'), value: pair(view.period.read, 'photo.on_bill', view.period.bill) }] : []),
          ]}
        />
        <p class="hint">{t('photo.differs_text')}</p>
      </div>
      <p class="sec stack">
        <LinkButton href={view.href} wide>
          {t('photo.to_bill')}
        </LinkButton>
        <LinkButton href={paths.photo} kind="secondary" icon="camera" wide>
          {t('photo.again')}
        </LinkButton>
      </p>
    </Layout>
  )
}

export const photoDiffersPage = (ctx: PageContext, view: PhotoDiffersView): string =>
  renderPage(ctx, <PhotoDiffersPage view={view} />, { title: t(ctx.lang)('photo.differs_title') })
