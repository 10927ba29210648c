use stack::{account::*,deployment::*,emulator::*,package::*,python};
#[tokio::main]
async fn main() {
    let t=runtime::clock::instant();
    let mut p=Project::locate().unwrap();
    if std::env::args().nth(1).is_some() { p.binaries="/tmp/dummy".into(); }
    let py=python::environment(&p.local, |s| println!("{s}")).unwrap();
    println!("venv {:?}",t.elapsed());
    let e=Emulator::start(&py,&p.local,0).await.unwrap();
    println!("up {:?}",t.elapsed());
    let zips=p.zips().unwrap();
    println!("zips {:?} {:?}",t.elapsed(), zips.iter().map(|z|z.1.len()).collect::<Vec<_>>());
    for id in ["000000000000","111122223333","111122223334"] {
    let params:Parameters=[("CxoneClientId","a"),("CxoneClientSecret","b"),("TicketingUrl","http://127.0.0.1:1"),("RegisterWebhook","false"),("EnableSimulator","true")].into_iter().map(|(a,b)|(a.to_owned(),b.to_owned())).collect();
    match Deployment::create(Account{endpoint:e.endpoint().into(),id:id.into()},"social",&p,&zips,params).await {
      Ok(d)=>println!("{:?} {:#?} {}",t.elapsed(), d.by_type, d.url("/webhook/social")),
      Err(er)=>{println!("ERR {er}");}
    }
    println!("deployed {:?}",t.elapsed());
    }
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
}
