# ruff: noqa: RUF001 -- letters that look like others are the subject here
"""Words whose pairs of letters are usual, by language, for languages with Latin letters.

Chosen among frequent words that hold a letter above ASCII (after the lists of wordfreq 3.1), so
that nearly all usual pairs of such a letter and the one beside it occur.
"""

LATIN_WORDS = {
    "French": """
        même été très là côté équipe façon grâce québec sûr août reçu prêt modèle tôt fête île
        théâtre rêve créé siège préfère âme boîte véhicule payé thème israël fenêtre bête pêche
        océan hâte lâche lève diplôme conçu poète pôle rhône ère fixé quête dégâts âgé néo
        jérôme gêne sénégal révélé sèche chèque média avère laïcité mâle aérien fraîche réuni
        déja maïs aîné héroïne vêtement brûle œuf bâti haïti mêle ténèbres cède naît péchés
        chloé gène bénéficié pâle éphémère laïque soupçons fée obéir pète modérée barça nœud
        artère
    """,
    "Spanish": """
        cómo sólo sí aún sé tú mí quién público estás fácil música niño época cuál área código
        perú dejó género vídeo médico llevó lópez ganó bebé móvil pérez áfrica útil jardín dé
        véase señaló héroe coño básica fórmula pacífico raíces química mató té dió polémica
        récord actúa irá duró hipótesis tí reír estáis sofía vázquez cañón diámetro decís muñeca
        genética hígado cúpula íbamos núm ése echó robó teórico cálido ríe amén lío pág nápoles
        oyó aquél hábil ósea elegí pío fé seúl oí plátano subí hacéis mudó bilingüe benítez
        ayúdame imán asegúrate sáenz zócalo ría óxido dá pedagógica tabú ajá
    """,
    "Portuguese": """
        você só há tão mãe aí família música dá área público força ação união trás tá pé líder
        negócio média visão chão céu notícia pós dê vá dão índia fãs quê sítio ódio és vírus
        elétrica peço órgão aliás luís lógica bíblia lê núcleo tênis moça põe fenômeno acção
        género júri dói ouça tô móvel irã pátio tópico fígado inácio sá visões cúpula túnel amém
        lições pôs nó anéis mônica félix lâmina crê egípcio maría ré miúda rótulo débora ânimo
        lã máfia véu magnífico cálcio pág séc amável vês díaz gêmea raúl térreo onça úmido
        dióxido cólera abóbora lábio cívico
    """,
    "Catalan": """
        és més són què té públic ús dóna mà déu fàcil títol àrea parís mòbil dècada còmic urbà
        béns núm saló arròs caça físic faré seqüència síria qué sòl víctor tú pèl ós petó òpera
        mèrit turó pacífic tragèdia sàpiga cúpula dolç sisè aprèn múrcia cadàver lògic sabíem
        gòtic nét químic estàn mí pàg solé màfia día làser gavà güell setè canviï càlid gàbia
        egípcia traït algún ruïna moià raül fèiem búlgar móra lió lèxic cóm genètic oïda bó alí
        creïble hipòcrita ponç vé cérvol fútbol híbrid aliè idò dinàmic leucèmia ídol diòxid
        benín pipí ràtio nòrdic tònica terços ès
    """,
    "German": """
        für fällt nähe spät büro geändert zwölf jürgen hör süss öl gäbe süd züge löst käse würd
        vögel nö äh lüge möge söhne güte römer jänner töne bär prüft rückwärts kühl diät böden
        münze spürt hülle äpfel tüte mädel übt käfer öpnv döner öko götz seriös rät röhre säcke
        knüpfen täuscht höfe bafög dämon dümmer läge zäh trophäe häng köche europäisch pöbel
        zölle
    """,
    "Italian": """
        più sarà ciò però perchè età pò morì trovò dì sennò ché totò quì recò dò falò sò artù mò
    """,
    "Dutch": """
        één hé azië josé coördinator naïef geëist heroïne reëel atlético té intuïtie maïs zeeën
        andrés félix cafeïne diëten joël israëliërs
    """,
    "Swedish and Finnish": """
        då få åt läpi död bör käydä käyttöön venäjä hög poäng träffa sådan näe rädd må nå kysyä
        öl nöjd yhtiö gäng pääosin pääasiassa pågår umeå ääntä väkeä färg työhön jämför löfven
        elävät växjö framöver båt nälkä löi päiviä söpö sähköä sähkö nivåer håkan lös tål rök
        työelämän skål rån määräsi bägge gömma låsa työtön köyhä gåva däck
    """,
    "Danish and Norwegian": """
        nå få gør mål gået høy tæt præcis råd løb kjøp dømt røv dér kæft løn håb næppe båt øen
        ødelægge lån idé pæn kø værktøj gæt bråk seriøs hæ spøk påstå årrække andré kåt åge æble
        våt bær sjåfør bøf sænk skæv sørøst fæl tæer skoleåret såmænd møg nevø æde kafé idéer
        fjær såpe mæ høie føl øhh såvel dæmpe næs nøt arkæolog då
    """,
    "Icelandic": """
        þá þess úr þó tók mín þið dæmi næst gær nám hús nálægt samþykkt níu röð jú þrjár hóf
        aðferð guðrún bíl fái eðli styðja vél ábyrgð féll söng nóg hóp fæ gögn mánaða sáu gáfu
        rúm sól vín mömmu hefð stöðva hlé há föt ólík þýða lágu núll ír verðmæti búi sýn héðan
        skák rífa viðbót ætíð þola átök nýs uppáhalds dýpi fín þjóna bær rými vöxt dóm boð flýja
        bát stúdenta ía óvænt föst guðný kíló útbúa ráðgjöf sérhæfir ástæðu örlög íbúð ýta þa
        skógrækt ísí þéttbýli góðs kýr fóstur gítar fjórði sköpun súkkulaði réttarhöld rót sæl
        tímamót
    """,
    "Latvian": """
        pēc viņš jūs taču šī rīgā dēļ savā jābūt īpaši drīz žēl ātrāk lūk jāiet vidū februārī
        kļūt tēvs darbību ceļš gluži vēlēšanās vīrs līmenī mērķi kuģi mīl saņēma ņem četri čau
        zināšanas ģimenē reģiona tēti mūža sociālo vecā cīņā guļ līdzās mežā mēģina minūšu ēkā
        ķīniešu tirgū cēsīs kaķi radīja šādām zēnu ziņo došos kāzu sēž ļāva ieņem zāļu mīļi
        atsevišķu zaļo džeks ražo rūpnīcas sapņu sūds okeāna spīti būves suņi bēgļu sarežģīti
        spāņu viļņa aģentūra sāpēm būtībā reižu dušā mūziķi sacīkšu astoņi lūgt dzīvokļa jēzu
        tumši ārējā atšķirt uzņem darīšu foršs pašreiz ķēdes žurnālā mācītājs sēdē zeķes augšējā
    """,
    "Lithuanian": """
        mūsų jį šių šv nė dalį mėnesį pusę virš įvyko kažką įdomu ėmė manęs neįmanoma pačiu ąją
        įtaką rašė varžybų rūmų grįžti užėmė buvę aukščio jėgų kovą tūkstančių šeimą šou susiję
        jūrų tėvų žvaigždė bažnyčią reikšmę žr arčiau ryšys ląstelių sričių lapų amžių lėšų
        vedęs viešbučio pločio įkūrė pasiruošę prancūzija upę šakų įgijo įrangą etapą išspręsti
        aušra bazė lygį ąžuolo rūpesčių žmoną džordžas paėmė rūgštis upė siūlo užsiima salę
        aukštą įspūdį šunį mūšį odą būk išgerti šūdas sėklų čekijos ūkį raštų ribą gėrimų
        žiūrėjo iškėlė stovėti viešųjų sūnūs rugpjūtį ryžių saugūs bruožų dėžutę mėsą bėdų garbę
        pečių ežerą kūnų išlikę
    """,
    "Polish": """
        są też właśnie osób będą każdy mieć mogą mogę tą części swój związku źle bądź iż możliwe
        pół mówię siły cóż pięć rolę święta wyjść źródła kimś komuś byłby ból mnóstwo młody
        zachód skład mąż byłeś wziął zmarł żyją górę późno płci byliśmy całość osiągnąć świąt
        błędy łóżka wzór węgla środę pełną sędziów mięsa języków książce swą żonę dupę paryżu
        ręką wyższe uważać wzięli złożyć zęby wzięła chęci piłkę służb prąd płytę nastąpi
        urządzeń mężem książę otóż wyobraź tańca śląska józef zgłosić śpi budżet dóbr różnicę
        gwałt nóg szkołą tło jeździ myśląc wrócą wstęp chłop chiński czuł japoński służą skrót
    """,
    "Czech": """
        už kteří ní naše pořád můj část máš téměř prý pět žádný dělá začal vyšší líbí spíš došlo
        peněz nachází úřad dřív zájem měsíců bývalý těžké října záleží každá můžeš výše série
        končí nižší mých němž úspěch líp člen seriál hráčů těší konkrétní někým vůz týdnů jíst
        zůstává pán zápasů déle učit cítí vést číně stůl zvlášť řeč údajů bát vojáků úžasný
        školách vědí třikrát útočník účtu médií míří návštěvě paříži přímé vzhůru výraz jízdy
        průměr vídeň bílého průběh mír scénář široké míč nýbrž čekám dosáhl gólů lékařské
        zjištění požár původního vážné výzva zóny slušně tričko lyžování důležitější otevře pojď
    """,
    "Slovak": """
        sú keď vás ľudí mám úplne táto dňa pričom áno rád naša týždeň európe kráľ päť čaká dĺžka
        súťaž páči síce žiť úrad prísť slúži môžeš išlo nižšie úspešne záleží dlhý muža člen
        veľkého píše účet šport kód tréner škôl čítať histórie rúk navštíviť víno budúci končí
        gól voľbách drží múzea voľný softvér témy ďalšej menší výraz začnú fáze pôvod deťom
        princíp zvlášť zóny bývalého nízke reč skúšky dušu dôstojník máj váhu štúdií vyšší celým
        národných dávajú londýna určuje vôd pamäti rýb výhľad vesmír nočné ľúto ťažký základňu
        možností médiá učiteľov pláž šou líšia vajíčka akýkoľvek mrzí pýta väčším chápem
    """,
    "Hungarian": """
        így több év együtt túl című később élő ők fél női végén szóló nők víz zöld úr segít
        amúgy számít cég június hónap továbbá díj hír fáj típusú kiállítás közép órán pápa
        különös régóta pécsi örök téma büszke jók tűz járó nyár kína idős máv hétfőn uniós tőlük
        föl máté mód szív sült méltó újság alapítója öröm előadó mögé épül állás győztes hús kő
        rózsa szünet ügyében cipő függően néző bőr írták erővel kádár működése hősök jén tiéd éj
        gyűrű dögös gyógyító sír bír műve sérülés békét fiút gáspár nyúl óceán tüzet ütött jövőt
        időd olcsóbb sűrűn lakói náci házból
    """,
    "Croatian and Slovene": """
        že možda težko včasih ću všeč večji član oči najčešće začne odšel lakše nemški noć drži
        višje lažje prejšnji hči občin žrtev grčke pažljivo vraća slabše konča ušao vođa izšla
        sviđa šol važna dolžan luč ući kći džon oštećenja božič muža možgani lepše čoln uvršča
        opće češ stižu inženjer momčad uđe đorđević švici čašu većoj služb anđeo leđima črk
        čudež šiška nađu inšpektor srećna
    """,
    "Romanian": """
        încă său ți față lângă văd alți grijă sfârșit roșu rămân făcând soțul găsiți secția
        vâlcea sănătății primăvara câți sâmbătă ușă ăștia călărași pâine râu gât ouă câștig
        zahăr moș târg zăpadă dând împărțit nopți mișcă șoc cît obțin prinși simț drăguț ședința
        părăsește slăbit susținând atît fixă mătușa văzând veșnic bârlad băiețel
    """,
    "Turkish": """
        şu eğer rağmen akşam şöyle yılı çoğu yüz başbakan terör inşa ömer kayıt söyle çıkış işçi
        yapıp ödül kulübü gıda eşlik ölümü ağaç açtı işgal ölçüde nüfus sıfır uçuş mesajı hız
        köşe karşıya örgüt şok teşvik hüküm çöp ısı öğle arapça gök sınırı ağ meşhur göster
        şüphe dön iğrenç yön seçme ürünü bıçak kötüsü sınavı gerçekçi çatı bahçe üvey bütçe
        dövüş öfke eşya eşsiz mühendis imkânı ağzı yaşadığımız buğday düştüğü üçlü coşkun tören
        şişe gözüküyor çiçeği böbrek çeşme küçücük azıcık
    """,
    "Estonian": """
        õpetaja küla jõgi põhja lõuna mägi järv töö öö üks või täna näiteks kõik nõu tõesti
        sõber mõte põld võru pärnu tõnis jüri ülo õie märt jõgeva õu äri mõis käsi öösel südamed
        püha süda lääne kärdla põlva räpina tõrva hõbe sõna käru nõmme ülikool jõulud hüüd kõrge
        päev väike külm köök vöö lõpp kütus tähe mälu väljak rõõm häda pääs söök löök müük sööma
        õhk ühing ämm väsinud põõsas näo hõõg
    """,
    "Irish": """
        seán máire pádraig éire áth béal dún tír páirc úll fáilte bóthar sráid mór brí siobhán
        ciarán róisín síle mícheál tomás cúige lá trá oírr ó é í cé sé sí mé tú cá bhí ní gá
        cúil léim gráinne eamón áine órán íde úna óg
    """,
    "Albanian": """
        është për një shtëpi çfarë tiranë durrës vlorë korçë shkodër gjithë më të së çaj shumë
        ditë krujë çdo çështje qendër emër fëmijë këtë dhënë vëlla mësues bëri pjesë faqe jetë
        punë kohë ç'ka kaç ëndërr pëllumb zëri hënë
    """,
}
"""By the name of the alphabet."""
