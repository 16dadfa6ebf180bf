import java.io.File;
import javax.xml.XMLConstants;
import javax.xml.transform.stream.StreamSource;
import javax.xml.validation.SchemaFactory;

/** Validates files by an XML schema: Validate SCHEMA FILE... It leaves with 1 at the first that is not valid. */
public class Validate {
    public static void main(String[] args) throws Exception {
        var schema = SchemaFactory.newInstance(XMLConstants.W3C_XML_SCHEMA_NS_URI).newSchema(new File(args[0]));
        for (int i = 1; i < args.length; i++) {
            try {
                schema.newValidator().validate(new StreamSource(new File(args[i])));
            } catch (org.xml.sax.SAXException e) {
                System.err.println(args[i] + ": " + e.getMessage());
                System.exit(1);
            }
        }
    }
}
